//! One process of a function: how it starts, what it may use, how it ends.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use crate::lambda::keeper::Keeper;

/// What is to be started.
#[derive(Debug)]
pub struct Start<'a> {
    pub program: &'a Path,
    pub arguments: &'a [String],
    pub folder: &'a Path,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Writable memory of its own, mebibytes: allocations beyond it fail.
    pub data_mib_max: u64,
}

/// A process that runs, leader of a process group of its own.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    child: RefCell<Child>,
    /// Readable when the process has ended.
    ended: AsyncFd<OwnedFd>,
    /// Standard output and standard error together.
    pub output: pipe::Receiver,
}

/// AWS: "File descriptors: 1,024 (total for each execution environment)".
const FILES_MAX: u64 = 1_024;

impl Process {
    /// To be called on the thread that lives as long as the gateway: the kernel ends the process
    /// together with that thread.
    ///
    /// # Errors
    /// The system's; the text names the program.
    pub fn start(start: &Start<'_>, keeper: &Keeper) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(start.program);
        command
            .args(start.arguments)
            .current_dir(start.folder)
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let data_bytes_max = start.data_mib_max.saturating_mul(1 << 20);
        // SAFETY: async-signal-safe, to ask who started this process.
        let parent = unsafe { libc::getpid() };
        // SAFETY: between fork and exec only system calls are made, all async-signal-safe.
        unsafe { command.pre_exec(move || confine(parent, data_bytes_max)) };
        let child = command.spawn().map_err(|error| {
            let program = start.program.display();
            io::Error::new(
                error.kind(),
                format!("{program} cannot be started: {error}"),
            )
        })?;
        // The writing ends are the child's alone from here on.
        drop(command);
        let pid = child.id().cast_signed();
        let watched = pidfd(pid).and_then(|fd| {
            // SAFETY: the descriptor is owned by what is made of it, and stays open as long.
            unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
        });
        let output = pipe::Receiver::from_owned_fd(reader.into());
        match (watched, output) {
            (Ok(ended), Ok(output)) => {
                keeper.watch(pid);
                Ok(Self {
                    pid,
                    child: RefCell::new(child),
                    ended,
                    output,
                })
            }
            (Err(error), _) | (_, Err(error)) => {
                kill_group(pid);
                Err(error)
            }
        }
    }

    /// `output` once more, for other threads.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn own_output(&self) -> io::Result<OwnedFd> {
        self.output.as_fd().try_clone_to_owned()
    }

    /// Ends the process and all that it started, unless they left its group.
    pub fn kill(&self) {
        kill_group(self.pid);
    }

    /// Returns when the process has ended; it is still there to be asked how.
    pub async fn ended(&self) {
        // An error could only be that of a runtime that ends.
        let _ = self.ended.readable().await;
    }

    /// Takes the process off the system's table. What is left of its group is ended first, while
    /// nobody else can have its number.
    pub fn reap(&self, keeper: &Keeper) -> Option<String> {
        self.kill();
        let status = self.child.borrow_mut().wait();
        keeper.forget(self.pid);
        status.map_or(None, describe)
    }
}

/// The most memory of a process that was resident at once, mebibytes.
pub fn resident_mib(pid: i32) -> Option<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kib.div_ceil(1_024))
}

/// As Lambda says it; none for an exit without an error.
fn describe(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit status {code}")),
        (None, Some(signal)) => Some(format!("signal: {}", signal_name(signal))),
        (None, None) => Some("unknown".to_owned()),
    }
}

fn signal_name(signal: i32) -> String {
    let known = match signal {
        libc::SIGKILL => "killed",
        libc::SIGSEGV => "segmentation fault",
        libc::SIGABRT => "aborted",
        libc::SIGTERM => "terminated",
        libc::SIGBUS => "bus error",
        libc::SIGILL => "illegal instruction",
        libc::SIGFPE => "floating point exception",
        _ => return signal.to_string(),
    };
    known.to_owned()
}

fn kill_group(pid: i32) {
    // SAFETY: no memory is passed. The group exists as long as its leader is not reaped.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
}

fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed; the child is not reaped, so the number is its own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match i32::try_from(fd) {
        // SAFETY: the call returned this descriptor, nobody else owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Between fork and exec: bounds, and an end together with the gateway.
fn confine(parent: i32, data_bytes_max: u64) -> io::Result<()> {
    let check = |result: i64| match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: system calls with plain numbers, or with a structure that lives through the call.
    unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL).into())?;
        if libc::getppid() != parent {
            // The gateway ended before the line above.
            libc::_exit(1);
        }
        for (what, most) in [
            (libc::RLIMIT_DATA, data_bytes_max),
            (libc::RLIMIT_NOFILE, FILES_MAX),
            (libc::RLIMIT_CORE, 0),
        ] {
            let mut limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            check(libc::getrlimit(what, &raw mut limit).into())?;
            // Nobody may give more than the gateway itself has.
            let most = most.min(limit.rlim_max);
            limit.rlim_cur = most;
            limit.rlim_max = most;
            check(libc::setrlimit(what, &raw const limit).into())?;
        }
        // What the gateway itself inherited without close-on-exec stays with the gateway.
        check(libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        ))
    }
}
