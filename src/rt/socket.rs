//! Listening sockets, one for each core, and the options of every TCP socket we own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::rt::sys;

/// One listening socket and the address it was asked for.
///
/// A socket that must outlive this process (see `rt::handoff`) is shared between the core that
/// accepts on it and the control thread, each with its own descriptor.
#[derive(Debug)]
pub struct Listening {
    /// As configured: the port is 0 when any port would do.
    pub address: SocketAddr,
    pub fd: OwnedFd,
}

/// Opens `count` listening sockets on one address, one for each core.
///
/// They share the port by SO_REUSEPORT, so that the kernel spreads connections over the cores. A
/// port of 0 is chosen by the kernel once and used for all. All are non-blocking, close-on-exec,
/// without Nagle's delay (inherited by what they accept), and IPv6 ones leave IPv4 alone. They give
/// out a connection when its first bytes are there, see `sys::defer_accept`.
///
/// # Errors
/// The kernel's, with the address and a hint in the text. An address on which another process
/// listens is in use, even when that process also set SO_REUSEPORT: two gateways that silently
/// share a port would each see half of the traffic.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<OwnedFd>> {
    let open = || -> io::Result<Vec<OwnedFd>> {
        if address.port() != 0 {
            refuse_foreign_listener(address)?;
        }
        let first = open_listener(address)?;
        let shared = local_address(first.as_fd())?;
        let mut sockets = vec![first];
        while sockets.len() < count {
            sockets.push(open_listener(shared)?);
        }
        sockets.truncate(count);
        Ok(sockets)
    };
    open().map_err(|error| explain(address, &error))
}

/// Opens one more socket beside those that already listen on `address` with SO_REUSEPORT.
///
/// # Errors
/// As [`bind`].
pub fn bind_beside(address: SocketAddr) -> io::Result<OwnedFd> {
    open_listener(address).map_err(|error| explain(address, &error))
}

/// The address a socket is bound to.
///
/// # Errors
/// When it is no IP socket, or the kernel's.
pub fn local_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    SockRef::from(&fd)
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an IP socket"))
}

/// Prepares a socket that will connect to an upstream: no Nagle's delay, a cheap congestion control.
///
/// # Errors
/// The kernel's.
pub fn prepare_upstream(fd: BorrowedFd<'_>) -> io::Result<()> {
    SockRef::from(&fd).set_tcp_nodelay(true)?;
    prefer_cheap_congestion(fd);
    Ok(())
}

/// Replaces BBR, which paces every send by a timer, by cubic or reno: 4 to 5 % less CPU for each
/// request. Other algorithms stay. Done on a listener it holds for all it accepts. Best effort:
/// an unprivileged process may use only `net.ipv4.tcp_allowed_congestion_control`.
///
/// True when the socket does not use BBR afterwards.
pub fn prefer_cheap_congestion(fd: BorrowedFd<'_>) -> bool {
    let socket = SockRef::from(&fd);
    match socket.tcp_congestion() {
        // The name comes padded with NULs.
        Ok(name) if name.starts_with(b"bbr") => [&b"cubic"[..], b"reno"]
            .into_iter()
            .any(|cheap| socket.set_tcp_congestion(cheap).is_ok()),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// SO_REUSEPORT lets any process of the same user join the group. A bind without it fails as long
/// as somebody listens, so a short trial tells whether the port is free.
fn refuse_foreign_listener(address: SocketAddr) -> io::Result<()> {
    new_socket(address)?.bind(&address.into())
}

fn open_listener(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = new_socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    sys::defer_accept(socket.as_fd());
    Ok(socket.into())
}

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    // `Socket::new` sets close-on-exec in the same call, so that no fork can slip in between.
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Says which address and what to do about it; keeps the kind.
fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there: stop it or choose another port"
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities in a systemd unit, \
             or `setcap cap_net_bind_service=+ep` on the program)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; no interface of this machine has that address: 0.0.0.0 or [::] means all of them"
        }
        _ => "",
    };
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address}: {error}{hint}"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn all_cores_share_the_port_the_kernel_chose() {
        let sockets = bind(loopback(), 4).unwrap();
        let first = local_address(sockets[0].as_fd()).unwrap();
        assert_ne!(first.port(), 0);
        assert_eq!(sockets.len(), 4);
        for socket in &sockets {
            assert_eq!(local_address(socket.as_fd()).unwrap(), first);
            let socket = SockRef::from(socket);
            assert!(socket.is_listener().unwrap());
            assert!(socket.nonblocking().unwrap());
            assert!(socket.reuse_port().unwrap());
        }
    }

    #[test]
    fn sockets_do_not_leak_into_children() {
        use std::os::fd::AsRawFd;
        let sockets = bind(loopback(), 1).unwrap();
        // SAFETY: reads the flags of a descriptor that `sockets` keeps open.
        let flags = unsafe { libc::fcntl(sockets[0].as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }

    #[test]
    fn accepted_connections_inherit_nodelay_and_congestion() {
        let listener = bind(loopback(), 1).unwrap().remove(0);
        assert!(prefer_cheap_congestion(listener.as_fd()));
        let address = local_address(listener.as_fd()).unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let listener = TcpListener::from(listener);
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap());
        assert!(!accepted.tcp_congestion().unwrap().starts_with(b"bbr"));
    }

    #[test]
    fn upstream_sockets_send_at_once() {
        let socket = new_socket(loopback()).unwrap();
        prepare_upstream(socket.as_fd()).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
    }

    #[test]
    fn a_port_in_use_is_refused_even_if_it_could_be_shared() {
        let held = bind(loopback(), 2).unwrap();
        let address = local_address(held[0].as_fd()).unwrap();
        let error = bind(address, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("another process listens there"), "{text}");
        drop(held);
        bind(address, 2).unwrap();
    }

    #[test]
    fn a_port_with_connections_in_time_wait_can_be_taken_again() {
        let held = bind(loopback(), 1).unwrap().remove(0);
        let address = local_address(held.as_fd()).unwrap();
        let listener = TcpListener::from(held);
        let client = TcpStream::connect(address).unwrap();
        listener.set_nonblocking(false).unwrap();
        // Our side closes first, so the TIME_WAIT is ours.
        drop(listener.accept().unwrap());
        drop(client);
        drop(listener);
        bind(address, 1).unwrap();
    }

    #[test]
    fn ipv6_sockets_leave_ipv4_alone() {
        if let Ok(sockets) = bind("[::1]:0".parse().unwrap(), 1) {
            assert!(SockRef::from(&sockets[0]).only_v6().unwrap());
        } // Else a machine without IPv6.
    }

    #[test]
    fn errors_carry_a_hint() {
        let check = |address: &str, kind, expected: &str| {
            let error = explain(address.parse().unwrap(), &io::Error::from(kind));
            assert_eq!(error.kind(), kind);
            let text = error.to_string();
            assert!(
                text.contains(address) && text.contains(expected),
                "{text:?} lacks {expected:?}"
            );
        };
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        check("127.0.0.1:8080", AddrInUse, "choose another port");
        check("0.0.0.0:80", PermissionDenied, "CAP_NET_BIND_SERVICE");
        check("10.1.2.3:8080", AddrNotAvailable, "0.0.0.0");
        let error = bind("192.0.2.1:0".parse().unwrap(), 1).unwrap_err();
        assert_eq!(error.kind(), AddrNotAvailable);
    }
}
