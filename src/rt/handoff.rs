//! Gives the listening sockets to a new process, so that no connection is refused meanwhile.
//!
//! ```text
//! running process                         new process
//! SIGUSR2 ─ hand_over ── spawn ─────────▶ inherited()   sockets by number, from the environment
//!              │                          arrange, start the cores, accept
//!              │◀──────── one byte ────── Parent::ready()
//! drain, exit (or: carry on, if the new process fails or the time is up)
//! ```
//! Both processes hold the same sockets, so a connection waits in the same queue whoever accepts
//! it. systemd's socket activation comes in by the same door, `rt::inherit`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

use crate::rt::inherit::{READY, READY_FD, SOCKETS, VARIABLES};
use crate::rt::socket::Listening;

/// How a hand-over ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process with this id accepts now; ours may drain and end.
    Ready(u32),
    /// Why ours must carry on; the new process is gone.
    Failed(String),
}

/// Starts this program again, as it was started, and gives it `sockets`.
///
/// The program is looked up by its path, so a new version that was installed over the old one is
/// what starts. Waits until the new process is ready, has ended, or `limit` (30 s is a good one)
/// is over; in the latter case it is ended, gently first.
pub async fn hand_over(sockets: &[Listening], limit: Duration) -> Outcome {
    let arguments: Vec<OsString> = env::args_os().collect();
    let name = arguments.first().cloned().unwrap_or_default();
    let mut command = Command::new(program(env::current_exe().ok(), &name));
    command.arg0(name).args(arguments.iter().skip(1));
    hand_over_to(command, sockets, limit).await
}

/// How long a new process that failed may take to end by itself, after SIGTERM, after SIGKILL.
const ENDINGS: [(libc::c_int, Duration); 3] = [
    (0, Duration::from_secs(1)),
    (libc::SIGTERM, Duration::from_secs(5)),
    (libc::SIGKILL, Duration::from_secs(5)),
];

async fn hand_over_to(mut command: Command, sockets: &[Listening], limit: Duration) -> Outcome {
    let started = start(&mut command, sockets);
    let (mut child, pipe) = match started {
        Ok(started) => started,
        Err(error) => {
            let program = command.get_program().display();
            return Outcome::Failed(format!("cannot start {program}: {error}"));
        }
    };
    match wait_until_ready(pipe, limit).await {
        Ok(()) => Outcome::Ready(child.id()),
        Err(reason) => match end(&mut child).await {
            Some(status) => Outcome::Failed(format!("the new process {reason}: {status}")),
            None => Outcome::Failed(format!("the new process {reason} and cannot be ended")),
        },
    }
}

/// Spawns `command` with the sockets and the writing end of a pipe; returns the reading end.
fn start(command: &mut Command, sockets: &[Listening]) -> io::Result<(Child, Receiver)> {
    let (reader, writer) = io::pipe()?;
    let mut fds: Vec<RawFd> = sockets.iter().map(|socket| socket.fd.as_raw_fd()).collect();
    let named: Vec<String> = sockets
        .iter()
        .map(|socket| format!("{}={}", socket.fd.as_raw_fd(), socket.address))
        .collect();
    fds.push(writer.as_raw_fd());
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.env(SOCKETS, named.join(","));
    command.env(READY_FD, writer.as_raw_fd().to_string());
    // All our descriptors are close-on-exec. Only the child, between fork and exec, lifts that for
    // what it shall have: another process that some thread spawns meanwhile gets nothing.
    let lift = move || {
        for fd in &fds {
            // SAFETY: sets a flag of a descriptor that the parent keeps open over the spawn.
            if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: after fork in a process with threads only async-signal-safe calls are allowed;
    // fcntl is one, and an `io::Error` made of errno does not allocate.
    unsafe { command.pre_exec(lift) };
    let child = command.spawn()?;
    // Our copy of the writing end goes here, so that the child's death closes the pipe.
    drop(writer);
    Ok((child, Receiver::from_owned_fd(reader.into())?))
}

async fn wait_until_ready(mut pipe: Receiver, limit: Duration) -> Result<(), String> {
    let mut byte = [0];
    match timeout(limit, pipe.read(&mut byte)).await {
        Ok(Ok(1)) if byte == [READY] => Ok(()),
        Ok(Ok(1)) => Err("spoke nonsense".to_owned()),
        Ok(Ok(_closed)) => Err("ended before it was ready".to_owned()),
        Ok(Err(error)) => Err(format!("cannot be heard ({error})")),
        Err(_elapsed) => Err(format!("was not ready within {limit:?}")),
    }
}

/// Waits for the end of a process that failed, with growing insistence.
async fn end(child: &mut Child) -> Option<ExitStatus> {
    const STEP: Duration = Duration::from_millis(10);
    for (signal, grace) in ENDINGS {
        if signal != 0 {
            // SAFETY: the process is our child and not yet waited for, so the id is still its own.
            unsafe { libc::kill(child.id().cast_signed(), signal) };
        }
        for _ in 0..grace.as_millis() / STEP.as_millis() {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            sleep(STEP).await;
        }
    }
    None
}

/// The path of this program. The kernel marks it when the file was replaced or deleted; what lies
/// there now is the new version. Failing that, the name it was called by.
fn program(current: Option<PathBuf>, name: &OsStr) -> PathBuf {
    let path = current.map(|path| {
        let bytes = path.as_os_str().as_bytes();
        let bytes = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
        PathBuf::from(OsString::from_vec(bytes.to_vec()))
    });
    path.filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::rt::inherit::{Inheritance, inherited};
    use crate::rt::socket;

    /// What the new process does; it is this test program again, running [`the_new_process`].
    const ROLE: &str = "DAEMUN_TEST_ROLE";

    fn new_process(role: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "rt::handoff::tests::the_new_process"])
            .env(ROLE, role)
            .stdout(std::process::Stdio::null());
        command
    }

    #[test]
    fn the_new_process() {
        let Ok(role) = env::var(ROLE) else {
            return; // Run as one test of many, not as the child.
        };
        let Inheritance { sockets, parent } = inherited().unwrap();
        match role.as_str() {
            "fail" => std::process::exit(7),
            "dawdle" => loop {
                thread::park();
            },
            "serve" => {
                assert!(sockets.iter().all(|(address, _)| address.port() == 0));
                let stop = Arc::new(AtomicBool::new(false));
                let threads: Vec<_> = sockets
                    .into_iter()
                    .map(|(_, fd)| answer_on(fd, "new", &stop))
                    .collect();
                parent.unwrap().ready().unwrap();
                for thread in threads {
                    thread.join().unwrap();
                }
            }
            other => panic!("no such role: {other}"),
        }
    }

    /// Answers every connection with `text`, until told to stop and no connection waits.
    fn answer_on(
        fd: OwnedFd,
        text: &'static str,
        stop: &Arc<AtomicBool>,
    ) -> thread::JoinHandle<()> {
        let stop = Arc::clone(stop);
        let listener = TcpListener::from(fd);
        thread::spawn(move || {
            let mut poll = libc::pollfd {
                fd: listener.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            loop {
                match listener.accept() {
                    Ok((mut client, _)) => {
                        // Closing with something unread would reset the connection.
                        client.read_exact(&mut [0]).unwrap();
                        client.write_all(text.as_bytes()).unwrap();
                    }
                    Err(_) if stop.load(Ordering::SeqCst) => return,
                    // SAFETY: one valid pollfd, bounded wait.
                    Err(_) => _ = unsafe { libc::poll(&raw mut poll, 1, 5) },
                }
            }
        })
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn listening(count: usize) -> Vec<Listening> {
        let address = "127.0.0.1:0".parse().unwrap();
        let fds = socket::bind(address, count).unwrap();
        fds.into_iter()
            .map(|fd| Listening { address, fd })
            .collect()
    }

    fn ask(address: SocketAddr) -> String {
        let mut answer = String::new();
        let mut connection = TcpStream::connect(address).unwrap();
        // A connection is given out when something has come on it.
        connection.write_all(b"?").unwrap();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn no_connection_is_refused_while_the_sockets_change_hands() {
        let sockets = listening(2);
        let address = socket::local_address(sockets[0].fd.as_fd()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let old: Vec<_> = sockets
            .iter()
            .map(|socket| answer_on(socket.fd.try_clone().unwrap(), "old", &stop))
            .collect();
        let done = Arc::new(AtomicBool::new(false));
        let client = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                let mut answers = Vec::new();
                while !done.load(Ordering::SeqCst) {
                    answers.push(ask(address));
                }
                answers
            }
        });

        let outcome = block_on(hand_over_to(
            new_process("serve"),
            &sockets,
            Duration::from_secs(30),
        ));
        let Outcome::Ready(pid) = outcome else {
            panic!("{outcome:?}");
        };
        stop.store(true, Ordering::SeqCst);
        for thread in old {
            thread.join().unwrap();
        }
        drop(sockets);
        // From here only the new process answers, on the sockets of the old one.
        for _ in 0..50 {
            assert_eq!(ask(address), "new");
        }
        done.store(true, Ordering::SeqCst);
        let answers = client.join().unwrap();
        // SAFETY: the process is the child spawned above, and nobody has waited for it.
        unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
        assert_eq!(answers.first().map(String::as_str), Some("old"));
        assert!(
            answers
                .iter()
                .all(|answer| answer == "old" || answer == "new")
        );
    }

    #[test]
    fn a_new_process_that_fails_leaves_the_old_one_in_charge() {
        let check = |command: Command, limit: u64, expected: &str| {
            let sockets = listening(1);
            let outcome = block_on(hand_over_to(
                command,
                &sockets,
                Duration::from_millis(limit),
            ));
            let Outcome::Failed(reason) = outcome else {
                panic!("{outcome:?}");
            };
            assert!(reason.contains(expected), "{reason:?} lacks {expected:?}");
            let address = socket::local_address(sockets[0].fd.as_fd()).unwrap();
            TcpStream::connect(address).unwrap();
        };
        check(
            new_process("fail"),
            30_000,
            "ended before it was ready: exit status: 7",
        );
        check(
            new_process("dawdle"),
            50,
            "not ready within 50ms: signal: 15",
        );
        check(
            Command::new("/nonexistent/daemun"),
            1000,
            "cannot start /nonexistent/daemun",
        );
    }

    #[test]
    fn a_replaced_program_is_started_from_the_same_place() {
        let check = |current: &str, name: &str, expected: &str| {
            let found = program(Some(PathBuf::from(current)), OsStr::new(name));
            assert_eq!(found, PathBuf::from(expected));
        };
        check("/bin/sh", "sh", "/bin/sh");
        check("/bin/sh (deleted)", "sh", "/bin/sh");
        check("/nonexistent/old (deleted)", "daemun", "daemun");
        assert_eq!(program(None, OsStr::new("daemun")), PathBuf::from("daemun"));
    }
}
