//! The gateway's own binary, started on a config file in a folder of its own.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread;

use tempfile::TempDir;

use crate::kit::{Client, Driver, Message, eventually};

/// How to start a gateway.
#[derive(Debug)]
pub struct Setup {
    driver: Driver,
    workers: usize,
    config: String,
    folder: TempDir,
}

/// A running gateway. Whatever is left of it goes when this is dropped.
///
/// Each listener has a loopback address of its own, so that its line at the start tells its port.
#[derive(Debug)]
pub struct Gateway {
    setup: Setup,
    child: Child,
    said: Arc<Mutex<Said>>,
    /// Where `listeners.main` serves.
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

#[derive(Debug, Default)]
struct Said {
    stdout: String,
    stderr: String,
}

/// Where the kit's own listeners are asked to be.
const MAIN: &str = "127.0.0.1";
const ADMIN: &str = "127.0.0.9";

impl Setup {
    pub fn new(driver: Driver, config: impl Into<String>) -> Self {
        Self {
            driver,
            workers: 1,
            config: config.into(),
            folder: TempDir::new().expect("a folder"),
        }
    }

    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Adds to the config.
    pub fn and(mut self, config: &str) -> Self {
        self.config += config;
        self
    }

    /// The folder of the config file, to put other files in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("daemun.toml")
    }

    /// The whole config file: what the test says, and what it need not say.
    pub fn text(&self) -> String {
        let Self {
            driver,
            workers,
            config,
            ..
        } = self;
        let mut text = format!("workers = {workers}\ndriver = \"{driver}\"\n");
        if !config.contains("[listeners.") {
            text += &format!("[listeners.main]\naddress = \"{MAIN}:0\"\n");
        }
        if !config.contains("[admin]") {
            text += &format!("[admin]\naddress = \"{ADMIN}:0\"\n");
        }
        if !config.contains("[management]") {
            text += "[management]\naddress = \"off\"\n";
        }
        text + config
    }

    pub fn write(&self) {
        fs::write(self.file(), self.text()).expect("a config file");
    }

    /// The command line that serves the file.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
        command.arg("serve").arg(self.file());
        command
    }

    pub fn start(self) -> Gateway {
        let command = self.command();
        self.start_by(command)
    }

    pub fn start_by(self, mut command: Command) -> Gateway {
        self.write();
        raise_descriptor_limit();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway's binary");
        let said = Arc::new(Mutex::new(Said::default()));
        let stdout = child.stdout.take().expect("a pipe");
        listen(stdout, &said, |said, text| said.stdout += text);
        let stderr = child.stderr.take().expect("a pipe");
        listen(stderr, &said, |said, text| said.stderr += text);
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut gateway = Gateway {
            setup: self,
            child,
            said,
            address: nowhere,
            admin: nowhere,
        };
        gateway.address = gateway.address_on(MAIN);
        gateway.admin = gateway.address_on(ADMIN);
        gateway
    }
}

impl Gateway {
    pub fn start(driver: Driver, config: impl Into<String>) -> Self {
        Setup::new(driver, config).start()
    }

    /// Where it said that it listens on this IP address.
    pub fn address_on(&mut self, ip: &str) -> SocketAddr {
        eventually("the lines at the start", || {
            if let Some(status) = self.exit_status() {
                panic!("the gateway ended with {status}:\n{}", self.output());
            }
            find_address(&self.output(), ip)
        })
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str) -> Message {
        self.connect().get(target)
    }

    /// One request to the admin listener.
    pub fn admin(&self, target: &str) -> Message {
        Client::connect(self.admin).get(target)
    }

    /// The value of a metric, with its labels if it has any.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let page = self.admin("/metrics");
        let line = page
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(line.trim().parse().expect("a number"))
    }

    /// Waits until a metric has this value.
    pub fn await_metric(&self, series: &str, value: f64) {
        eventually(series, || (self.metric(series)? == value).then_some(()));
    }

    /// All it has said so far.
    pub fn output(&self) -> String {
        let said = self.said.lock().unwrap();
        format!("{}{}", said.stdout, said.stderr)
    }

    pub fn stdout(&self) -> String {
        self.said.lock().unwrap().stdout.clone()
    }

    pub fn stderr(&self) -> String {
        self.said.lock().unwrap().stderr.clone()
    }

    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the first process a signal.
    pub fn signal(&self, number: libc::c_int) {
        signal(self.pid(), number);
    }

    /// Replaces the config file, as editors do, by renaming.
    pub fn rewrite(&mut self, config: impl Into<String>) {
        self.setup.config = config.into();
        let new = self.folder().join("new");
        fs::write(&new, self.setup.text()).expect("a config file");
        fs::rename(new, self.setup.file()).expect("a config file");
    }

    /// The config file.
    pub fn file(&self) -> PathBuf {
        self.setup.file()
    }

    /// Replaces the config file, asks for a reload, and waits until one has succeeded.
    pub fn reload(&mut self, config: impl Into<String>) {
        let series = "daemun_reloads_total{result=\"ok\"}";
        let before = self.metric(series).unwrap_or(0.0);
        self.rewrite(config);
        self.signal(libc::SIGHUP);
        eventually("a reload", || (self.metric(series)? > before).then_some(()));
    }

    /// How the first process ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    pub fn await_exit(&mut self) -> ExitStatus {
        eventually("the gateway's end", || self.exit_status())
    }

    /// Resident memory, KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("a running gateway");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("VmRSS")
    }

    /// All processes that serve this config file: after a hand-over not only ours.
    pub fn processes(&self) -> Vec<u32> {
        let file = self.setup.file();
        let file = file.as_os_str().as_encoded_bytes();
        let runs_file = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == file)
        };
        let entries = fs::read_dir("/proc").expect("/proc");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names
            .filter_map(|name| name.parse().ok())
            .filter(runs_file)
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the gateway said:\n{}---", self.output());
        }
        for pid in self.processes() {
            signal(pid, libc::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, number: libc::c_int) {
    let pid = libc::pid_t::try_from(pid).expect("a process id");
    // SAFETY: the call takes two numbers; the process is one that a test started.
    unsafe { libc::kill(pid, number) };
}

/// Lets this process, and the gateways that it starts, have as many sockets as they may.
pub fn raise_descriptor_limit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: both calls only use the structure lent to them.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    });
}

/// Collects what comes out of a pipe.
fn listen(
    mut pipe: impl Read + Send + 'static,
    said: &Arc<Mutex<Said>>,
    add: impl Fn(&mut Said, &str) + Send + 'static,
) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut piece) {
            let text = String::from_utf8_lossy(&piece[..count]);
            add(&mut said.lock().unwrap(), &text);
        }
    });
}

/// The first `ip:port` in a text, with a port that is not 0.
fn find_address(text: &str, ip: &str) -> Option<SocketAddr> {
    let mark = format!("{ip}:");
    text.match_indices(&mark).find_map(|(at, _)| {
        let digits = &text[at + mark.len()..];
        let end = digits.find(|c: char| !c.is_ascii_digit())?;
        let port = digits[..end].parse().ok().filter(|port| *port != 0)?;
        let ip: IpAddr = ip.parse().ok()?;
        Some(SocketAddr::new(ip, port))
    })
}
