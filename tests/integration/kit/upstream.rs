//! An upstream that follows a script, one thread for each connection, and remembers what it was
//! asked.

use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::kit::{Message, PATIENCE, Reader, eventually};

/// What the upstream was asked.
pub type Request = Message;

pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    streams: Mutex<Vec<TcpStream>>,
    visits: AtomicUsize,
    ended: AtomicUsize,
    is_stopped: AtomicBool,
}

/// One connection from the gateway.
pub struct Visit {
    pub reader: Reader<TcpStream>,
    /// Counts connections from 0.
    pub number: usize,
    shared: Arc<Shared>,
}

impl Upstream {
    /// Runs `script` for every connection.
    pub fn start(script: impl Fn(&mut Visit) + Send + Sync + 'static) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(any, script)
    }

    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&mut Visit) + Send + Sync + 'static,
    ) -> Self {
        let listener = eventually("the upstream's port", || TcpListener::bind(address).ok());
        let address = listener.local_addr().expect("a bound listener");
        let shared = Arc::new(Shared::default());
        let kept = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &kept, Arc::new(script)));
        Self { address, shared }
    }

    /// Answers every request with the same bytes and keeps the connection.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |visit| while visit.request().is_some() && visit.send(&answer) {})
    }

    /// Answers every request with 200 and this text.
    pub fn saying(text: &str) -> Self {
        Self::answering(ok(text))
    }

    /// Answers every request with its own target.
    pub fn telling_targets() -> Self {
        Self::start(|visit| {
            while let Some(request) = visit.request() {
                visit.send(ok(request.target()));
            }
        })
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    /// The latest request.
    pub fn last(&self) -> Request {
        self.requests().pop().expect("a request at the upstream")
    }

    /// Connections so far.
    pub fn visits(&self) -> usize {
        self.shared.visits.load(Ordering::SeqCst)
    }

    /// Waits until this many scripts have run to their end and their connections are closed.
    pub fn await_ends(&self, count: usize) {
        eventually("the end of upstream connections", || {
            (self.shared.ended.load(Ordering::SeqCst) >= count).then_some(())
        });
    }

    /// Waits until this many requests have arrived.
    pub fn await_requests(&self, count: usize) {
        eventually("a request at the upstream", || {
            (self.count() >= count).then_some(())
        });
    }

    /// Stops as if killed: all connections end, new ones are refused.
    pub fn kill(&self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; the listener goes with it.
        let _ = TcpStream::connect(self.address);
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        eventually("the upstream's end", || {
            TcpStream::connect(self.address).is_err().then_some(())
        });
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Ok(mut streams) = self.shared.streams.lock() {
            for stream in streams.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Upstream({})", self.address)
    }
}

impl Visit {
    /// The next request with its body; none when the gateway closed or broke off.
    pub fn request(&mut self) -> Option<Request> {
        let mut request = self.reader.head().ok()??;
        self.reader.body(&mut request).ok()?;
        self.note(&request);
        Some(request)
    }

    /// The head of the next request; the body stays unread.
    pub fn head(&mut self) -> Option<Request> {
        let request = self.reader.head().ok()??;
        self.note(&request);
        Some(request)
    }

    fn note(&self, request: &Request) {
        self.shared.requests.lock().unwrap().push(request.clone());
    }

    /// False when the gateway does not take it any more.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// 200 and this text.
    pub fn say(&mut self, text: &str) -> bool {
        self.send(ok(text))
    }

    /// Waits until the gateway ends the connection.
    pub fn await_end(&mut self) {
        while let Ok(true) = self.reader.fill() {
            self.reader.unread.clear();
        }
    }
}

fn ok(text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn accept<F: Fn(&mut Visit) + Send + Sync + 'static>(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    script: Arc<F>,
) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_stopped.load(Ordering::SeqCst) {
            return;
        }
        let number = shared.visits.fetch_add(1, Ordering::SeqCst);
        if let Ok(visit) = begin(stream, number, shared) {
            let (script, shared) = (Arc::clone(&script), Arc::clone(shared));
            thread::spawn(move || serve(visit, &*script, &shared));
        }
    }
}

fn begin(stream: TcpStream, number: usize, shared: &Arc<Shared>) -> io::Result<Visit> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    shared.streams.lock().unwrap().push(stream.try_clone()?);
    Ok(Visit {
        reader: Reader::new(stream),
        number,
        shared: Arc::clone(shared),
    })
}

fn serve(mut visit: Visit, script: &impl Fn(&mut Visit), shared: &Shared) {
    script(&mut visit);
    // Kept clones would keep the connection open behind the script's end.
    let _ = visit.reader.stream.shutdown(Shutdown::Both);
    shared.ended.fetch_add(1, Ordering::SeqCst);
}
