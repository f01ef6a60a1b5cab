//! The few system calls the cores make themselves, each as a safe function.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::rt::socket::prepare_upstream;

fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// A doorbell between threads, to be watched for its edges.
pub fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    checked(fd as isize)?;
    // SAFETY: the call returned this descriptor, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Rings it. Its count would take centuries to be full.
pub fn ring(bell: &OwnedFd) {
    let one = 1_u64;
    // SAFETY: the number lives through the call.
    unsafe { libc::write(bell.as_raw_fd(), (&raw const one).cast(), 8) };
}

/// Reads what is there; `WouldBlock` when nothing is.
#[inline]
pub fn recv(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length describe `into`, which lives through the call.
    checked(unsafe { raw_recv(fd, into.as_mut_ptr().cast(), into.len()) })
}

/// As `recv`, into memory that need not be initialised.
#[inline]
pub fn recv_uninit(fd: RawFd, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: the pointer and length describe `into`, which lives through the call; the kernel
    // only writes to it.
    checked(unsafe { raw_recv(fd, into.as_mut_ptr().cast(), into.len()) })
}

/// The call itself: libc's `recv` and `send` are points of cancellation, and what they do for that
/// costs more than it sounds with four of them a request.
///
/// # Safety
/// `into` must be valid for writes of `length` bytes.
#[inline]
unsafe fn raw_recv(fd: RawFd, into: *mut u8, length: usize) -> isize {
    let none = std::ptr::null_mut::<u8>();
    // SAFETY: the caller's; no address is asked for.
    unsafe { libc::syscall(libc::SYS_recvfrom, fd, into, length, 0, none, none) as isize }
}

/// # Safety
/// `from` must be valid for reads of `length` bytes.
#[inline]
unsafe fn raw_send(fd: RawFd, from: *const u8, length: usize, flags: i32) -> isize {
    let none = std::ptr::null::<u8>();
    // SAFETY: the caller's; no address is given.
    unsafe { libc::syscall(libc::SYS_sendto, fd, from, length, flags, none, 0) as isize }
}

/// What is waiting in the socket, without taking it: `WouldBlock` nothing, `Ok(0)` its end.
#[inline]
pub fn peek(fd: RawFd) -> io::Result<usize> {
    let mut byte = 0_u8;
    // SAFETY: one byte of stack is lent for the length of the call.
    checked(unsafe {
        libc::recv(
            fd,
            (&raw mut byte).cast(),
            1,
            libc::MSG_PEEK | libc::MSG_DONTWAIT,
        )
    })
}

/// Whether what is sent goes out at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    Now,
    /// The last segment waits for what comes behind it, data or the end, at most 200 ms.
    WithNext,
}

impl Push {
    #[inline]
    fn flags(self) -> i32 {
        match self {
            Self::Now => libc::MSG_NOSIGNAL,
            Self::WithNext => libc::MSG_NOSIGNAL | libc::MSG_MORE,
        }
    }
}

#[inline]
pub fn send(fd: RawFd, from: &[u8], push: Push) -> io::Result<usize> {
    // SAFETY: the pointer and length describe `from`, which lives through the call.
    checked(unsafe { raw_send(fd, from.as_ptr(), from.len(), push.flags()) })
}

/// Sends all parts with one call; returns how many bytes the kernel took.
#[inline]
pub fn send_parts(fd: RawFd, parts: &[IoSlice<'_>], push: Push) -> io::Result<usize> {
    match parts {
        [one] => send(fd, one, push),
        _ => sendmsg(fd, parts, push),
    }
}

fn sendmsg(fd: RawFd, parts: &[IoSlice<'_>], push: Push) -> io::Result<usize> {
    // SAFETY: a zeroed msghdr is a valid empty one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len();
    // SAFETY: IoSlice has the layout of iovec (std guarantees it), and the parts live through
    // the call, which only reads them.
    checked(unsafe { libc::sendmsg(fd, &raw const message, push.flags()) })
}

/// A pipe with room for about `bytes`, as far as the system lends it: what comes out, and what goes in.
pub fn pipe(bytes: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the array lives through the call.
    let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
    checked(made as isize)?;
    // SAFETY: the call returned these descriptors, nobody else owns them. Their room is only a
    // matter of speed.
    Ok(unsafe {
        libc::fcntl(ends[1], libc::F_SETPIPE_SZ, bytes);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    })
}

/// Moves at most `bytes_max` between a pipe and a socket, without copying them if it can.
pub fn splice(from: RawFd, to: RawFd, bytes_max: usize, push: Push) -> io::Result<usize> {
    let none = std::ptr::null_mut();
    let flags = libc::SPLICE_F_NONBLOCK
        | libc::SPLICE_F_MOVE
        | match push {
            Push::Now => 0,
            Push::WithNext => libc::SPLICE_F_MORE,
        };
    // SAFETY: no memory is passed.
    checked(unsafe { libc::splice(from, none, to, none, bytes_max, flags) })
}

/// Ends one or both directions; a peer that is gone already is fine.
pub fn shutdown(fd: RawFd, how: i32) {
    // SAFETY: no memory is passed.
    unsafe { libc::shutdown(fd, how) };
}

/// Makes the coming `close` reset the connection: the peer learns at once that it is cut off, and
/// nothing of it stays behind in the kernel.
pub fn reset_on_close(fd: RawFd) {
    // SAFETY: the descriptor is open: its owner lends it for the call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // Only an optimisation of an end that comes anyway.
    let _ = socket2::SockRef::from(&fd).set_linger(Some(std::time::Duration::ZERO));
}

/// A client that says nothing is given out after about so long all the same.
const DEFER_SECONDS: libc::c_int = 1;

/// Lets the kernel keep a new connection until its first bytes are there, so that it costs one
/// wake-up instead of two and its first read always finds something. To its client it is connected
/// all the while; one that says nothing is seen, counted and timed from then on.
pub fn defer_accept(listener: BorrowedFd<'_>) {
    let seconds = DEFER_SECONDS;
    // SAFETY: the option is an int, which lives through the call. Only a matter of speed.
    unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

/// Takes the next connection from a listening socket.
pub fn accept(listener: RawFd) -> io::Result<(OwnedFd, SocketAddr)> {
    // SAFETY: sockaddr_storage is plain data; all zeroes is a valid value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: storage and length are valid for writes through the call.
    let fd = checked(unsafe {
        libc::accept4(
            listener,
            (&raw mut storage).cast(),
            &raw mut length,
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        ) as isize
    })?;
    // SAFETY: accept4 returned this descriptor, nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    Ok((fd, address_of(&storage)))
}

fn address_of(storage: &libc::sockaddr_storage) -> SocketAddr {
    if i32::from(storage.ss_family) == libc::AF_INET6 {
        // SAFETY: the family says that this is a sockaddr_in6, which fits the storage.
        let v6: libc::sockaddr_in6 = unsafe { std::ptr::read((&raw const *storage).cast()) };
        return SocketAddr::new(
            IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)),
            u16::from_be(v6.sin6_port),
        );
    }
    // SAFETY: our listeners are IPv4 or IPv6, so this is a sockaddr_in, which fits the storage.
    let v4: libc::sockaddr_in = unsafe { std::ptr::read((&raw const *storage).cast()) };
    SocketAddr::new(
        IpAddr::V4(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes())),
        u16::from_be(v4.sin_port),
    )
}

/// A socket whose connection to `address` is under way; it becomes writable when it is decided.
pub fn connect(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    prepare_upstream(socket.as_fd())?;
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// The error a connection attempt ended with, if it did.
pub fn socket_error(fd: RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open: its owner lends it for the call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    match socket2::SockRef::from(&fd).take_error()? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// A descriptor that becomes readable every `milliseconds`, which are not 0.
pub fn ticker(milliseconds: u32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = checked(unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
        ) as isize
    })?;
    // SAFETY: timerfd_create returned this descriptor, nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    set_ticker(fd.as_raw_fd(), milliseconds)?;
    Ok(fd)
}

/// From now on a ticker becomes readable every `milliseconds`, which are not 0.
pub fn set_ticker(fd: RawFd, milliseconds: u32) -> io::Result<()> {
    let every = libc::timespec {
        tv_sec: i64::from(milliseconds / 1000),
        tv_nsec: i64::from(milliseconds % 1000) * 1_000_000,
    };
    let setting = libc::itimerspec {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: `setting` lives through the call, the old value is not asked for.
    checked(unsafe {
        libc::timerfd_settime(fd, 0, &raw const setting, std::ptr::null_mut()) as isize
    })?;
    Ok(())
}

/// Reads from what is no socket; `WouldBlock` when nothing is there.
pub fn read(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length describe `into`, which lives through the call.
    checked(unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) })
}

/// Empties a doorbell or ticker descriptor of up to 64 bytes.
pub fn drain(fd: RawFd) {
    let mut bytes = [0_u8; 64];
    // SAFETY: the pointer and length describe `bytes`; the descriptor is non-blocking.
    unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// Binds the calling thread to one processor; a refusal only costs speed.
pub fn pin(cpu: usize) {
    // SAFETY: cpu_set_t is plain data; CPU_SET stays inside it for the range checked.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if cpu < libc::CPU_SETSIZE as usize {
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
        }
    }
}

/// Lets the allocator keep what is freed, up to `bytes`: reading a large config again would else
/// fault in and give back the same pages each time.
pub fn keep_freed_memory(bytes: i32) {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two numbers; it is called before there are other threads.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = bytes;
}

/// The processors this process may run on.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: the set is plain data of the size passed; CPU_ISSET stays inside it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return vec![0];
        }
        (0..libc::CPU_SETSIZE as usize)
            .filter(|cpu| libc::CPU_ISSET(*cpu, &set))
            .collect()
    }
}
