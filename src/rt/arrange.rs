//! Which core accepts on which listening socket, inherited ones first.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use socket2::SockRef;

use crate::rt::socket::{self, Listening};

/// What one core accepts on: the index of the listener in the config and its socket. A core may
/// have several sockets of one listener.
pub type Seats = Vec<(usize, OwnedFd)>;

/// Gives every core a socket of every listener, and every inherited socket of a configured address
/// a core. The result has one entry for each core.
///
/// Connections wait in the queue of the socket they arrived on, so an inherited socket that nobody
/// accepts on would strand them: with more sockets than cores, cores accept on several. With fewer,
/// more sockets are opened beside them if the inherited ones allow it (SO_REUSEPORT), else cores
/// share. Inherited sockets of addresses no longer configured are closed.
///
/// # Errors
/// When a socket cannot be opened; see [`socket::bind`].
pub fn arrange(
    addresses: &[SocketAddr],
    inherited: Vec<(SocketAddr, OwnedFd)>,
    cores: usize,
) -> io::Result<Vec<Seats>> {
    let offers = inherited
        .iter()
        .map(|(address, fd)| Offer::of(*address, fd))
        .collect::<io::Result<Vec<_>>>()?;
    let orders = assign(addresses, &offers, cores);
    for offer in offers.iter().filter(|offer| !offer.is_wanted(addresses)) {
        let address = offer.address;
        tracing::warn!(%address, "nobody accepts on a socket that was handed over: no listener has its address");
    }
    // First come all copies, then the originals move to their cores.
    let mut copies = Vec::with_capacity(orders.len());
    for order in &orders {
        copies.push(match order.source {
            Source::Inherited(_) | Source::Fresh => None,
            Source::Beside(offer) => {
                let taken = socket::local_address(inherited[offer].1.as_fd())?;
                Some(socket::bind_beside(taken)?)
            }
            Source::Shared(offer) => Some(inherited[offer].1.try_clone()?),
        });
    }
    let mut originals: Vec<Option<OwnedFd>> =
        inherited.into_iter().map(|(_, fd)| Some(fd)).collect();
    let mut seats: Vec<Seats> = (0..cores).map(|_| Vec::new()).collect();
    let mut fresh: Vec<OwnedFd> = Vec::new();
    for (order, copy) in orders.iter().zip(copies) {
        let fd = match order.source {
            Source::Inherited(offer) => originals[offer].take(),
            Source::Beside(_) | Source::Shared(_) => copy,
            Source::Fresh => {
                if fresh.is_empty() {
                    fresh = socket::bind(addresses[order.listener], cores)?;
                }
                fresh.pop()
            }
        };
        seats[order.core].extend(fd.map(|fd| (order.listener, fd)));
    }
    Ok(seats)
}

/// A second descriptor of every seated socket, for the control thread: what a later hand-over
/// passes on. The sockets keep listening until these are dropped too.
///
/// # Errors
/// When the process has no descriptors left.
pub fn keep(addresses: &[SocketAddr], seats: &[Seats]) -> io::Result<Vec<Listening>> {
    seats
        .iter()
        .flatten()
        .map(|(listener, fd)| {
            Ok(Listening {
                address: addresses[*listener],
                fd: fd.try_clone()?,
            })
        })
        .collect()
}

/// What an inherited socket is good for.
#[derive(Clone, Copy, Debug)]
struct Offer {
    address: SocketAddr,
    reuse_port: bool,
    /// Listens on all IPv4 addresses too, as systemd's `ListenStream=8080` does.
    dual_stack: bool,
}

impl Offer {
    fn of(address: SocketAddr, fd: &OwnedFd) -> io::Result<Self> {
        let socket = SockRef::from(fd);
        Ok(Self {
            address,
            reuse_port: socket.reuse_port()?,
            dual_stack: address.is_ipv6() && !socket.only_v6()?,
        })
    }

    fn is_wanted(&self, addresses: &[SocketAddr]) -> bool {
        addresses.iter().any(|wanted| self.serves(*wanted))
    }

    fn serves(&self, wanted: SocketAddr) -> bool {
        self.address == wanted
            || (self.dual_stack
                && self.address.port() == wanted.port()
                && self.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                && wanted.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// This offer itself.
    Inherited(usize),
    /// A new socket in the SO_REUSEPORT group of this offer.
    Beside(usize),
    /// Another descriptor of this offer.
    Shared(usize),
    /// One of a new group; every core gets one.
    Fresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    core: usize,
    listener: usize,
    source: Source,
}

/// The decision of [`arrange`], without the sockets. Orders come listener by listener.
fn assign(addresses: &[SocketAddr], offers: &[Offer], cores: usize) -> Vec<Order> {
    let mut orders = Vec::new();
    if cores == 0 {
        return orders;
    }
    let mut free: Vec<bool> = vec![true; offers.len()];
    for (listener, wanted) in addresses.iter().enumerate() {
        let mine: Vec<usize> = (0..offers.len())
            .filter(|offer| free[*offer] && offers[*offer].serves(*wanted))
            .collect();
        for offer in &mine {
            free[*offer] = false;
        }
        // Ours leave IPv4 alone, so they cannot stand beside one that takes both.
        let may_grow = mine
            .iter()
            .all(|offer| offers[*offer].reuse_port && !offers[*offer].dual_stack);
        for seat in 0..mine.len().max(cores) {
            let source = match mine.get(seat) {
                Some(offer) => Source::Inherited(*offer),
                None if mine.is_empty() => Source::Fresh,
                None if may_grow => Source::Beside(mine[0]),
                None => Source::Shared(mine[seat % mine.len()]),
            };
            orders.push(Order {
                core: seat % cores,
                listener,
                source,
            });
        }
    }
    orders
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// `offers` are `address`, `address+reuse` or `address+dual`; the answer is one word a seat:
    /// `core:listener=source`.
    fn check(addresses: &str, offers: &str, cores: usize, expected: &str) {
        let addresses: Vec<SocketAddr> = addresses
            .split_whitespace()
            .map(|address| address.parse().unwrap())
            .collect();
        let offers: Vec<Offer> = offers
            .split_whitespace()
            .map(|offer| {
                let (address, flag) = offer.split_once('+').unwrap_or((offer, ""));
                Offer {
                    address: address.parse().unwrap(),
                    reuse_port: flag == "reuse",
                    dual_stack: flag == "dual",
                }
            })
            .collect();
        let seats: Vec<String> = assign(&addresses, &offers, cores)
            .into_iter()
            .map(|order| {
                let source = match order.source {
                    Source::Inherited(offer) => format!("{offer}"),
                    Source::Beside(offer) => format!("beside{offer}"),
                    Source::Shared(offer) => format!("shared{offer}"),
                    Source::Fresh => "fresh".to_owned(),
                };
                format!("{}:{}={source}", order.core, order.listener)
            })
            .collect();
        assert_eq!(seats.join(" "), expected, "{addresses:?} {offers:?}");
    }

    #[test]
    fn every_core_gets_a_seat_and_every_inherited_socket_a_core() {
        let a = "127.0.0.1:80";
        let ab = "127.0.0.1:80 127.0.0.1:81";
        let two = "127.0.0.1:80+reuse 127.0.0.1:80+reuse";
        // Nothing inherited.
        check(a, "", 2, "0:0=fresh 1:0=fresh");
        check(ab, "", 1, "0:0=fresh 0:1=fresh");
        // As many as cores, more, fewer.
        check(a, two, 2, "0:0=0 1:0=1");
        check(a, two, 1, "0:0=0 0:0=1");
        check(a, two, 3, "0:0=0 1:0=1 2:0=beside0");
        // One socket of systemd's, without SO_REUSEPORT.
        check(a, "127.0.0.1:80", 3, "0:0=0 1:0=shared0 2:0=shared0");
        // One of them could not be grown: sharing is safe for all.
        let mixed = "127.0.0.1:80+reuse 127.0.0.1:80";
        check(a, mixed, 3, "0:0=0 1:0=1 2:0=shared0");
        // A listener that is new, one that is gone.
        check(ab, two, 2, "0:0=0 1:0=1 0:1=fresh 1:1=fresh");
        check("127.0.0.1:81", two, 1, "0:0=fresh");
        // Order of the offers does not matter; each is used once.
        let crossed = "127.0.0.1:81+reuse 127.0.0.1:80+reuse";
        check(ab, crossed, 1, "0:0=1 0:1=0");
        check(
            "127.0.0.1:80 127.0.0.1:80",
            "127.0.0.1:80",
            1,
            "0:0=0 0:1=fresh",
        );
        // systemd's [::]:80 stands for 0.0.0.0:80 if it takes IPv4 too.
        check("0.0.0.0:80", "[::]:80+dual", 1, "0:0=0");
        check("0.0.0.0:80", "[::]:80+reuse", 1, "0:0=fresh");
        check("127.0.0.1:80", "[::]:80+dual", 1, "0:0=fresh");
        // Nothing to do.
        check("", two, 2, "");
        check(a, two, 0, "");
    }

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn sockets_are_opened_grown_and_shared_for_real() {
        let shape = |seats: &[Seats]| seats.iter().map(Vec::len).collect::<Vec<_>>();
        let local = |fd: &OwnedFd| socket::local_address(fd.as_fd()).unwrap();
        let addresses = [loopback(), loopback()];
        let first = arrange(&addresses[..1], Vec::new(), 2).unwrap();
        assert_eq!(shape(&first), [1, 1]);
        let taken = local(&first[0][0].1);

        let kept = keep(&addresses, &first).unwrap();
        drop(first);
        let inherited: Vec<_> = kept
            .into_iter()
            .map(|listening| (listening.address, listening.fd))
            .collect();
        let second = arrange(&addresses[..1], inherited, 3).unwrap();
        assert_eq!(shape(&second), [1, 1, 1]);
        for seats in &second {
            assert_eq!(local(&seats[0].1), taken);
        }

        let single = std::net::TcpListener::bind(loopback()).unwrap();
        let taken = single.local_addr().unwrap();
        let shared = arrange(&[taken], vec![(taken, single.into())], 2).unwrap();
        assert_eq!(shape(&shared), [1, 1]);
        assert_eq!(local(&shared[1][0].1), taken);
    }
}
