//! Listeners of the control thread: for the operator and for the management APIs.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Opens the listener. `beside` allows an older process to be listening there still: the one
/// that hands its sockets over to this one. It stops its own when this one is ready.
///
/// # Errors
/// The system's: most often the address is taken.
pub fn bind(address: SocketAddr, beside: bool) -> io::Result<TcpListener> {
    // SO_REUSEPORT would let two gateways share an address without a word. A bind without it
    // fails as long as anybody listens.
    if !beside {
        socket(address)?.bind(address)?;
    }
    let socket = socket(address)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Serves `router` on the current tokio runtime until `stop` turns true or its sender is gone, and
/// gives answers that are under way a second to finish.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stopped, stopping) = watch::channel(());
    loop {
        // A full house waits in the kernel's queue; every guest leaves after a minute.
        let arrival = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, listener.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            arrived = arrival => arrived,
        };
        match accepted {
            Ok((stream, peer)) => {
                let patience = Patience::default();
                // For those who ask who it is, and for those who may take long.
                let router = router.clone().layer(Extension(peer));
                let router = router.layer(Extension(patience.clone()));
                let talk = converse(stream, router, patience, stopping.clone());
                tokio::spawn(async move {
                    talk.await;
                    drop(seat);
                });
            }
            // The connection is gone already, or the process has no descriptors left.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(stopping);
    // Connections hold a receiver each, so `closed` is the end of the last one.
    let _ = stopped.send(());
    let _ = timeout(FAREWELL, stopped.closed()).await;
}

/// Connections of one listener at a time.
pub const CONNECTIONS_MAX: usize = 64;
const BACKLOG: u32 = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Between two requests too, so an idle connection goes after it.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
const FAREWELL: Duration = Duration::from_secs(1);

/// AWS: "Function timeout: 900 seconds", and what it may wait for a process.
const LONGEST_ANSWER: Duration = Duration::from_secs(930);

/// Whether what a connection asks for may take longer than usual: functions do.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One connection, from its first request to its end.
async fn converse(
    stream: TcpStream,
    router: Router,
    patience: Patience,
    mut stopping: watch::Receiver<()>,
) {
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service)
    );
    // What goes wrong here went wrong on the client's side; nobody needs to hear of it.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => {}
        () = sleep(CONNECTION_TIMEOUT) => {
            connection.as_mut().graceful_shutdown();
            if patience.0.load(Ordering::Relaxed) {
                tokio::select! {
                    _ = connection.as_mut() => return,
                    _ = stopping.changed() => {}
                    () = sleep(LONGEST_ANSWER) => {}
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(FAREWELL, connection).await;
}
