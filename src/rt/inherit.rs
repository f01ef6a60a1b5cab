//! Takes the listening sockets that an older process or systemd left for this one.

use std::env;
use std::fs;
use std::io::{self, PipeWriter, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, SockRef, Type};

use crate::rt::socket;

/// What a process was born with.
#[derive(Debug, Default)]
pub struct Inheritance {
    /// Listening TCP sockets, non-blocking and close-on-exec, each with the address that the old
    /// process was asked for, or with its own when it comes from systemd.
    pub sockets: Vec<(SocketAddr, OwnedFd)>,
    /// The process that waits for this one to be ready.
    pub parent: Option<Parent>,
}

/// The running process on the other end of a hand-over. Dropped unused, it learns that this
/// process failed.
#[derive(Debug)]
pub struct Parent {
    pipe: PipeWriter,
}

impl Parent {
    /// Says that this process accepts on all it took, so that the parent may drain.
    ///
    /// # Errors
    /// When the parent is gone; nothing is to be done about it.
    pub fn ready(mut self) -> io::Result<()> {
        self.pipe.write_all(&[READY])
    }
}

/// Takes what a hand-over or systemd's socket activation (sd_listen_fds(3)) left for this process.
/// To be called once, first of all: it removes the variables from the environment while no other
/// thread could be reading it.
///
/// # Errors
/// When the environment names something that is not a listening TCP socket. Starting without it
/// would leave connections in a queue that nobody accepts from.
pub fn inherited() -> io::Result<Inheritance> {
    let named = Named {
        sockets: env::var(SOCKETS).ok(),
        ready: env::var(READY_FD).ok(),
        listen_pid: env::var(LISTEN_PID).ok(),
        listen_fds: env::var(LISTEN_FDS).ok(),
    };
    let inheritance = named.take(std::process::id())?;
    if is_single_threaded() {
        for variable in VARIABLES {
            // SAFETY: no other thread exists that could read the environment meanwhile.
            unsafe { env::remove_var(variable) };
        }
    }
    Ok(inheritance)
}

/// The sockets by number, with the address each was asked for: `3=127.0.0.1:8080,4=[::1]:8080`
pub(crate) const SOCKETS: &str = "DAEMUN_SOCKETS";
/// The writing end of the pipe on which the parent listens.
pub(crate) const READY_FD: &str = "DAEMUN_READY_FD";
const LISTEN_PID: &str = "LISTEN_PID";
const LISTEN_FDS: &str = "LISTEN_FDS";
/// All that must not reach a further process.
pub(crate) const VARIABLES: [&str; 5] =
    [SOCKETS, READY_FD, LISTEN_PID, LISTEN_FDS, "LISTEN_FDNAMES"];

/// systemd's sockets are numbered from here; below are the standard streams.
const FIRST_FD: RawFd = 3;

/// What is written to the pipe.
pub(crate) const READY: u8 = b'1';

/// The environment of [`inherited`], as written.
#[derive(Debug, Default)]
struct Named {
    sockets: Option<String>,
    ready: Option<String>,
    listen_pid: Option<String>,
    listen_fds: Option<String>,
}

impl Named {
    fn take(&self, own_pid: u32) -> io::Result<Inheritance> {
        let parent = self.ready.as_deref().map(parent).transpose()?;
        let sockets = match &self.sockets {
            Some(list) => parse_sockets(list)?
                .into_iter()
                .map(|(fd, address)| Ok((address, adopt(fd, SOCKETS)?)))
                .collect::<io::Result<Vec<_>>>()?,
            None => {
                let (pid, count) = (self.listen_pid.as_deref(), self.listen_fds.as_deref());
                parse_activation(pid, count, own_pid)?
                    .map(|fd| {
                        let socket = adopt(fd, LISTEN_FDS)?;
                        Ok((socket::local_address(socket.as_fd())?, socket))
                    })
                    .collect::<io::Result<Vec<_>>>()?
            }
        };
        Ok(Inheritance { sockets, parent })
    }
}

fn parse_sockets(list: &str) -> io::Result<Vec<(RawFd, SocketAddr)>> {
    let mut sockets: Vec<(RawFd, SocketAddr)> = Vec::new();
    for entry in list.split(',').filter(|entry| !entry.is_empty()) {
        let parsed = entry.split_once('=').and_then(|(fd, address)| {
            let fd = fd.parse().ok().filter(|fd| *fd >= FIRST_FD)?;
            Some((fd, address.parse().ok()?))
        });
        match parsed {
            Some((fd, _)) if sockets.iter().any(|(taken, _)| *taken == fd) => {
                return Err(wrong(&format!("{SOCKETS} names descriptor {fd} twice")));
            }
            Some(socket) => sockets.push(socket),
            None => {
                return Err(wrong(&format!(
                    "{SOCKETS} has `{entry}` where `number=address:port` should be"
                )));
            }
        }
    }
    Ok(sockets)
}

/// The numbers of systemd's sockets: none when they are meant for another process.
fn parse_activation(
    pid: Option<&str>,
    count: Option<&str>,
    own_pid: u32,
) -> io::Result<std::ops::Range<RawFd>> {
    let none = FIRST_FD..FIRST_FD;
    let (Some(pid), Some(count)) = (pid, count) else {
        return Ok(none);
    };
    if pid.parse() != Ok(own_pid) {
        return Ok(none);
    }
    let end = count
        .parse::<RawFd>()
        .ok()
        .filter(|count| *count >= 0)
        .and_then(|count| FIRST_FD.checked_add(count));
    match end {
        Some(end) => Ok(FIRST_FD..end),
        None => Err(wrong(&format!(
            "{LISTEN_FDS} is `{count}`, not a small number"
        ))),
    }
}

fn parent(fd: &str) -> io::Result<Parent> {
    let number = fd
        .parse::<RawFd>()
        .ok()
        .filter(|fd| *fd >= FIRST_FD && is_open(*fd))
        .ok_or_else(|| wrong(&format!("{READY_FD} is `{fd}`, not an open descriptor")))?;
    // SAFETY: it is open, and whoever named it gave it to us alone.
    let pipe = unsafe { OwnedFd::from_raw_fd(number) };
    close_on_exec(&pipe)?;
    Ok(Parent { pipe: pipe.into() })
}

/// Owns the descriptor if it is a listening TCP socket, and sets it as `rt::socket` does.
fn adopt(fd: RawFd, variable: &str) -> io::Result<OwnedFd> {
    if !is_open(fd) {
        return Err(wrong(&format!(
            "{variable} names descriptor {fd}, which is not open"
        )));
    }
    // SAFETY: it is open, and nobody closes it during this borrow: no thread knows of it yet.
    if !is_tcp_listener(unsafe { BorrowedFd::borrow_raw(fd) }) {
        return Err(wrong(&format!(
            "{variable} names descriptor {fd}, which is not a listening TCP socket"
        )));
    }
    // SAFETY: it is open, and whoever named it gave it to us alone.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    close_on_exec(&owned)?;
    let listener = SockRef::from(&owned);
    listener.set_nonblocking(true)?;
    listener.set_tcp_nodelay(true)?;
    Ok(owned)
}

fn is_tcp_listener(fd: BorrowedFd<'_>) -> bool {
    let socket = SockRef::from(&fd);
    let is_ip = socket
        .domain()
        .is_ok_and(|domain| domain == Domain::IPV4 || domain == Domain::IPV6);
    is_ip
        && socket.r#type().is_ok_and(|kind| kind == Type::STREAM)
        && socket
            .protocol()
            .is_ok_and(|protocol| protocol == Some(Protocol::TCP))
        && socket.is_listener().unwrap_or(false)
        && socket::local_address(fd).is_ok()
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag and fails with EBADF on what is not open.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn close_on_exec(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor we own.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_single_threaded() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn the_list_of_sockets_is_read_strictly() {
        let check = |list: &str, expected: &str| {
            let read = match parse_sockets(list) {
                Ok(sockets) => format!("{sockets:?}"),
                Err(error) => error.to_string(),
            };
            assert!(
                read.contains(expected),
                "{list:?}: {read:?} lacks {expected:?}"
            );
        };
        check("", "[]");
        check("5=127.0.0.1:80", "[(5, 127.0.0.1:80)]");
        check("5=127.0.0.1:80,6=[::1]:81", "(6, [::1]:81)");
        check("5=127.0.0.1:80,5=127.0.0.1:80", "descriptor 5 twice");
        for bad in [
            "x",
            "5",
            "5=",
            "=1.2.3.4:5",
            "2=1.2.3.4:5",
            "-1=1.2.3.4:5",
            "5=localhost:80",
        ] {
            check(bad, "number=address:port");
        }
        check("99999999999=1.2.3.4:5", "number=address:port");
    }

    #[test]
    fn systemd_sockets_are_taken_only_by_the_process_they_are_for() {
        let check = |pid: Option<&str>, count: Option<&str>, expected: Result<usize, ()>| {
            let range = parse_activation(pid, count, 42);
            assert_eq!(range.map(|range| range.len()).map_err(drop), expected);
        };
        check(None, None, Ok(0));
        check(Some("42"), None, Ok(0));
        check(None, Some("2"), Ok(0));
        check(Some("41"), Some("2"), Ok(0));
        check(Some("x"), Some("2"), Ok(0));
        check(Some("42"), Some("0"), Ok(0));
        check(Some("42"), Some("2"), Ok(2));
        check(Some("42"), Some("-1"), Err(()));
        check(Some("42"), Some("many"), Err(()));
        check(Some("42"), Some("2147483647"), Err(()));
    }

    #[test]
    fn only_listening_tcp_sockets_are_taken() {
        let check = |fd: OwnedFd, expected: bool| {
            assert_eq!(is_tcp_listener(fd.as_fd()), expected);
            let number = std::os::fd::IntoRawFd::into_raw_fd(fd);
            let taken = adopt(number, SOCKETS);
            assert_eq!(taken.is_ok(), expected);
            if taken.is_err() {
                // SAFETY: it was not taken, so it is still ours to close.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        check(listener.into(), true);
        check(client.into(), false);
        check(UdpSocket::bind("127.0.0.1:0").unwrap().into(), false);
        check(fs::File::open("/dev/null").unwrap().into(), false);
        let folder = tempfile::tempdir().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        check(unix.into(), false);
        let error = adopt(1_000_000, SOCKETS).unwrap_err();
        assert!(error.to_string().contains("not open"), "{error}");
    }

    #[test]
    fn a_parent_learns_that_we_are_ready_or_gone() {
        let make = || {
            let (reader, writer) = io::pipe().unwrap();
            (reader, Parent { pipe: writer })
        };
        let (mut reader, parent) = make();
        parent.ready().unwrap();
        let mut said = Vec::new();
        reader.read_to_end(&mut said).unwrap();
        assert_eq!(said, [READY]);

        let (mut reader, parent) = make();
        drop(parent);
        said.clear();
        reader.read_to_end(&mut said).unwrap();
        assert!(said.is_empty());
    }
}
