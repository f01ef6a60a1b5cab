//! Bodies on their way: byte-exact at any size, held back when the other side is slow.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::kit::{Client, Driver, Gateway, Pattern, Reader, Upstream, Visit, mock, proxy};

on_both_drivers! {
    large_uploads_arrive_byte_for_byte,
    large_downloads_arrive_byte_for_byte,
    both_directions_flow_at_once,
    a_slow_client_holds_the_upstream_back,
    a_slow_upstream_holds_the_client_back,
}

const LARGE_BYTES: u64 = 100 * 1024 * 1024;
/// What the gateway may need more for a large body: sockets' buffers are the kernel's.
const GROWTH_KIB_MAX: u64 = 4 * 1024;

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
}

const BOTH: [Framing; 2] = [Framing::Length, Framing::Chunked];

impl Framing {
    fn header(self) -> String {
        match self {
            Self::Length => format!("Content-Length: {LARGE_BYTES}\r\n\r\n"),
            Self::Chunked => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        }
    }

    /// Writes the pattern; says how much is written in `progress`.
    fn write(self, stream: &mut impl Write, progress: &AtomicU64) -> std::io::Result<()> {
        let mut pattern = Pattern::new();
        while pattern.at < LARGE_BYTES {
            let rest = LARGE_BYTES - pattern.at;
            let piece = pattern.next(rest);
            match self {
                Self::Length => stream.write_all(piece)?,
                Self::Chunked => {
                    write!(stream, "{:x}\r\n", piece.len())?;
                    stream.write_all(piece)?;
                    stream.write_all(b"\r\n")?;
                }
            }
            progress.store(pattern.at, Ordering::SeqCst);
        }
        match self {
            Self::Length => Ok(()),
            Self::Chunked => stream.write_all(b"0\r\n\r\n"),
        }
    }

    /// Reads the pattern and compares it.
    fn check<S: std::io::Read>(self, reader: &mut Reader<S>) {
        let mut pattern = Pattern::new();
        match self {
            Self::Length => check_run(reader, LARGE_BYTES, &mut pattern),
            Self::Chunked => loop {
                let size = reader.chunk_size().expect("a chunk");
                check_run(reader, size as u64, &mut pattern);
                assert_eq!(reader.exactly(2).expect("an end"), b"\r\n");
                if size == 0 {
                    break;
                }
            },
        }
        assert_eq!(pattern.at, LARGE_BYTES);
    }
}

fn check_run<S: std::io::Read>(reader: &mut Reader<S>, bytes: u64, pattern: &mut Pattern) {
    let mut rest = bytes;
    while rest > 0 {
        if reader.unread.is_empty() {
            assert!(
                reader.fill().expect("more of the body"),
                "the body ends early"
            );
        }
        let run = reader
            .unread
            .len()
            .min(usize::try_from(rest).unwrap_or(usize::MAX));
        let piece = reader.take(run);
        pattern.check(&piece);
        rest -= run as u64;
    }
}

fn framing_of(visit: &mut Visit) -> Option<Framing> {
    let request = visit.head()?;
    Some(match request.is_chunked() {
        true => Framing::Chunked,
        false => Framing::Length,
    })
}

fn head(method: &str, framing: Framing) -> String {
    format!(
        "{method} /{framing:?} HTTP/1.1\r\nHost: a\r\n{}",
        framing.header()
    )
}

fn large_uploads_arrive_byte_for_byte(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(framing) = framing_of(visit) {
            framing.check(&mut visit.reader);
            visit.say("all of it");
        }
    });
    let config = proxy(upstream.address) + &mock("GET /mock", "ok");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for framing in BOTH {
        client.send(head("POST", framing));
        framing
            .write(&mut client.stream(), &AtomicU64::new(0))
            .expect("the gateway takes it");
        assert_eq!(client.response().text(), "all of it");
        assert_eq!(client.get("/mock").status(), 200, "the connection goes on");
    }
}

/// Sends the large body, chunked when asked for `/Chunked`.
fn large_download(visit: &mut Visit, progress: &AtomicU64) {
    while let Some(request) = visit.request() {
        let framing = match request.target() {
            "/Chunked" => Framing::Chunked,
            _ => Framing::Length,
        };
        visit.send(format!("HTTP/1.1 200 OK\r\n{}", framing.header()));
        let _ = framing.write(&mut visit.reader.stream, progress);
    }
}

fn large_downloads_arrive_byte_for_byte(driver: Driver) {
    let upstream = Upstream::start(|visit| large_download(visit, &AtomicU64::new(0)));
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for framing in BOTH {
        client.send(format!("GET /{framing:?} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().status(), 200);
        framing.check(client.reader());
    }
    assert_eq!(upstream.visits(), 1);
}

fn both_directions_flow_at_once(driver: Driver) {
    // Sends back each piece before the next is there, as no buffer could hold all of it.
    let upstream = Upstream::start(|visit| {
        visit.head();
        visit.send(format!("HTTP/1.1 200 OK\r\n{}", Framing::Length.header()));
        let mut rest = LARGE_BYTES;
        while rest > 0 && visit.reader.fill().unwrap_or(false) {
            let piece = std::mem::take(&mut visit.reader.unread);
            rest -= piece.len() as u64;
            visit.send(piece);
        }
        visit.await_end();
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send(head("POST", Framing::Length));
    let mut sender = client.stream().try_clone().expect("a second handle");
    let sending = thread::spawn(move || {
        Framing::Length
            .write(&mut sender, &AtomicU64::new(0))
            .is_ok()
    });
    assert_eq!(client.head().status(), 200);
    Framing::Length.check(client.reader());
    assert!(sending.join().expect("a sender"));
}

/// Waits until nothing moves any more.
fn await_rest(progress: &AtomicU64) -> u64 {
    let mut before = u64::MAX;
    crate::kit::eventually("the end of all progress", || {
        let now = progress.load(Ordering::SeqCst);
        if now > 0 && now == before {
            return Some(now);
        }
        before = now;
        thread::sleep(Duration::from_millis(250));
        None
    })
}

fn a_slow_client_holds_the_upstream_back(driver: Driver) {
    let progress = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&progress);
    let upstream = Upstream::start(move |visit| large_download(visit, &shared));
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let warm_kib = {
        gateway.get("/Chunked");
        gateway.resident_kib()
    };
    progress.store(0, Ordering::SeqCst);
    let mut client = gateway.connect();
    client.send("GET /Length HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    let stuck_at = await_rest(&progress);
    assert!(stuck_at < LARGE_BYTES / 2, "{stuck_at} bytes went nowhere");
    let grown = gateway.resident_kib().saturating_sub(warm_kib);
    assert!(grown < GROWTH_KIB_MAX, "the gateway grew by {grown} KiB");
    Framing::Length.check(client.reader());
}

fn a_slow_upstream_holds_the_client_back(driver: Driver) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::start(move |visit| {
        if let Some(framing) = framing_of(visit) {
            let _ = wait.lock().unwrap().recv_timeout(crate::kit::PATIENCE);
            framing.check(&mut visit.reader);
            visit.say("all of it");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let before_kib = gateway.resident_kib();
    let mut client: Client = gateway.connect();
    client.send(head("POST", Framing::Chunked));
    let progress = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&progress);
    let mut sender = client.stream().try_clone().expect("a second handle");
    let sending = thread::spawn(move || Framing::Chunked.write(&mut sender, &shared).is_ok());
    let stuck_at = await_rest(&progress);
    assert!(stuck_at < LARGE_BYTES / 2, "{stuck_at} bytes went nowhere");
    let grown = gateway.resident_kib().saturating_sub(before_kib);
    assert!(grown < GROWTH_KIB_MAX, "the gateway grew by {grown} KiB");
    go.send(()).expect("an upstream that waits");
    assert_eq!(client.response().text(), "all of it");
    assert!(sending.join().expect("a sender"));
}
