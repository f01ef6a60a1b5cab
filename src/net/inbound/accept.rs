//! New connections: taken from the listeners, given their TLS session, and served.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use crate::net::inbound::h1::{self, Life};
use crate::net::{Client, Handler, Pools, Settings};
use crate::rt::task::{Either, first};
use crate::rt::{Core, Ready, Stream, sys, task, tls};

/// One listening socket of one core.
#[derive(Debug)]
pub struct Door {
    pub fd: OwnedFd,
    pub local: SocketAddr,
    /// None: plain HTTP.
    pub tls: Option<Arc<tls::Server>>,
}

/// What a door asks and tells whoever owns it.
pub trait Hall: Handler + Life + Sized + 'static {
    fn core(&self) -> &'static Core;
    fn pools(&'static self) -> &'static Pools;
    fn settings(&self) -> Rc<Settings>;
    /// Whether one more connection is taken; until then the others wait in the system's queue.
    fn admits(&self) -> bool;
    fn opened(&self);
    fn closed(&self);
    fn panicked(&self);
    fn tls_failed(&self, client: &Client, error: &io::Error);
    fn tls_done(&self);
}

/// Connections taken in one turn before the others get theirs.
const ACCEPTS_IN_A_ROW: usize = 64;
/// Longest queue of a listening socket.
const QUEUE_MAX: usize = 4096;
/// Rest when no descriptor or memory is left (`accept` would fail again at once).
const EXHAUSTED_PAUSE_MS: u32 = 50;
/// Who connected before we stopped has been promised service by the kernel, which tells of a
/// connection only when its first bytes have come. They may take as long as the next request on a
/// connection that rests.
pub const LAST_WORDS_MS: u32 = 500;
/// Rest when as many clients are connected as may be.
const FULL_PAUSE_MS: u32 = 20;

/// Accepts until `stop` is ready. The socket is closed, or left to the process that has it too.
pub async fn listen<H: Hall>(hall: &'static H, door: Door, stop: impl Future<Output = ()>) {
    let local = door.local;
    let tls = door.tls;
    let socket = match Ready::new(door.fd) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%local, %error, "cannot wait for connections");
            return;
        }
    };
    let mut end = std::pin::pin!(async {
        stop.await;
        hall.core().pause(LAST_WORDS_MS).await;
    });
    loop {
        let stopping = matches!(first(&mut end, socket.readable()).await, Either::A(()));
        // Who waits in the queue when we stop is served too.
        let accepts = if stopping {
            QUEUE_MAX
        } else {
            ACCEPTS_IN_A_ROW
        };
        for _ in 0..accepts {
            if !hall.admits() && !stopping {
                hall.core().pause(FULL_PAUSE_MS).await;
                break;
            }
            match sys::accept(socket.fd()) {
                Ok((fd, peer)) => admit(hall, fd, peer, local, tls.clone()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.exhausted();
                    break;
                }
                // The client gave up while it waited in the queue.
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::ECONNABORTED | libc::EINTR | libc::EPROTO)
                    ) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    hall.core().pause(EXHAUSTED_PAUSE_MS).await;
                    break;
                }
            }
        }
        if stopping {
            // Another process may go on with this socket.
            socket.leave();
            return;
        }
        // With more of them waiting the next turn comes at once; others go first.
        task::give_way().await;
    }
}

fn admit<H: Hall>(
    hall: &'static H,
    fd: OwnedFd,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<Arc<tls::Server>>,
) {
    let Ok(stream) = Stream::new(hall.core(), fd) else {
        return;
    };
    let client = Client {
        core: hall.core(),
        stream,
        peer,
        local,
        is_tls: tls.is_some(),
        settings: hall.settings(),
        pools: hall.pools(),
        exchange_until_ms: Cell::new(u64::MAX),
        pause_ms: Cell::new(0),
    };
    let open = Open(hall);
    hall.opened();
    match tls {
        None => task::spawn(
            async move {
                h1::serve(&client, hall).await;
                drop(open);
            },
            || hall.panicked(),
        ),
        Some(server) => task::spawn(secure(hall, client, server, open), || hall.panicked()),
    }
}

async fn secure<H: Hall>(
    hall: &'static H,
    mut client: Client,
    server: Arc<tls::Server>,
    open: Open<H>,
) {
    let until = client.due(client.settings.timeouts.handshake_ms);
    client.stream.deadline.set(until);
    match client.stream.accept_tls(&server).await {
        Ok(()) => {
            hall.tls_done();
            client.stream.deadline.clear();
            h1::serve(&client, hall).await;
        }
        Err(error) => hall.tls_failed(&client, &error),
    }
    drop(open);
}

/// Counts a connection for as long as it is open, whichever way it ends.
struct Open<H: Hall>(&'static H);

impl<H: Hall> Drop for Open<H> {
    fn drop(&mut self) {
        self.0.closed();
    }
}
