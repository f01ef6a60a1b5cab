//! Tells systemd, or who else set NOTIFY_SOCKET, how far the process is (sd_notify(3)).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A step in the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Serving; also said when a reload is over.
    Ready,
    Reloading,
    /// Draining.
    Stopping,
    /// A hand-over succeeded: from now on the service is that process.
    MainPid(u32),
}

/// Sends `notice`; false when nobody asked for notices.
///
/// # Errors
/// When the supervisor's socket is named but cannot be reached.
pub fn notify(notice: Notice) -> io::Result<bool> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(socket) if !socket.is_empty() => send(&socket, &text(notice)?).map(|()| true),
        _ => Ok(false),
    }
}

fn text(notice: Notice) -> io::Result<String> {
    Ok(match notice {
        Notice::Ready => "READY=1\n".to_owned(),
        // `Type=notify-reload` wants the time too, to tell this reload from the one before.
        Notice::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_us()?),
        Notice::Stopping => "STOPPING=1\n".to_owned(),
        Notice::MainPid(pid) => format!("MAINPID={pid}\n"),
    })
}

/// `socket` is a path, or `@name` in the abstract namespace.
fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // The supervisor's queue may be full; it must not hold up the control thread.
    sender.set_nonblocking(true)?;
    sender
        .send_to_addr(text.as_bytes(), &address)
        .map(|_sent| ())
}

/// CLOCK_MONOTONIC in microseconds, which std's `Instant` does not give away.
fn monotonic_us() -> io::Result<i64> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call only writes the timespec it is given.
    match unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) } {
        0 => Ok(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn check(socket: &OsStr, receiver: &UnixDatagram) {
        let mut received = [0; 256];
        for notice in [Notice::Ready, Notice::Stopping, Notice::MainPid(42)] {
            send(socket, &text(notice).unwrap()).unwrap();
            let length = receiver.recv(&mut received).unwrap();
            assert_eq!(&received[..length], text(notice).unwrap().as_bytes());
        }
    }

    #[test]
    fn notices_reach_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        check(path.as_os_str(), &receiver);
    }

    #[test]
    fn notices_reach_an_abstract_name() {
        let name = format!("daemun-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        check(OsStr::new(&format!("@{name}")), &receiver);
    }

    #[test]
    fn a_supervisor_that_is_gone_is_an_error_not_a_wait() {
        send(OsStr::new("/nonexistent/notify"), "READY=1\n").unwrap_err();
    }

    #[test]
    fn a_reload_says_when_it_began() {
        let text = text(Notice::Reloading).unwrap();
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first, "RELOADING=1");
        let time = second.trim_end().strip_prefix("MONOTONIC_USEC=").unwrap();
        assert!(time.parse::<u64>().unwrap() > 0);
    }
}
