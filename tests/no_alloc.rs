//! No allocation per request on the plain proxy route, counted by the allocator itself.
//!
//! This program is both sides: without arguments it is the test, which starts itself once for each
//! driver as `no_alloc serve FILE`. There it is the gateway, with a counting allocator, and a
//! thread that plays client and upstream, asks, and looks at what the cores allocated meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Until everything that grows has grown: buffers, pools, histograms.
const WARM_UP_REQUESTS: usize = 2_000;
const REQUESTS: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(20);

#[global_allocator]
static COUNTING: Counting = Counting;

/// The system's allocator, with a count for each thread.
struct Counting;

const THREADS: usize = 256;
static COUNTS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static THREAD_IDS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Which count is this thread's; none yet.
    static SLOT: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn count() {
    let mut slot = SLOT.get();
    if slot == usize::MAX {
        slot = NEXT.fetch_add(1, Ordering::SeqCst).min(THREADS - 1);
        SLOT.set(slot);
        // SAFETY: the call takes nothing and cannot fail.
        THREAD_IDS[slot].store(unsafe { libc::gettid() }, Ordering::SeqCst);
    }
    COUNTS[slot].fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing, as
// the thread's slot is a plain number without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    match arguments.nth(1).as_deref() {
        Some("serve") => {
            let file = arguments.next().expect("a config file");
            let address = fs::read_to_string(beside(Path::new(&file), "address"));
            let address = address.unwrap().parse().expect("an address");
            thread::spawn(move || measure(address));
            daemun::cli::main()
        }
        // cargo asks test programs what they have.
        Some("--list") => ExitCode::SUCCESS,
        _ => test(),
    }
}

fn beside(file: &Path, name: &str) -> std::path::PathBuf {
    file.with_file_name(name)
}

fn test() -> ExitCode {
    for driver in ["epoll", "io_uring"] {
        let folder = tempfile::tempdir().expect("a folder");
        let upstream = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a port");
        let config = config(driver, address, upstream.local_addr().expect("a port"));
        let file = folder.path().join("daemun.toml");
        fs::write(&file, config).expect("a file");
        fs::write(beside(&file, "address"), address.to_string()).expect("a file");
        thread::spawn(move || upstream_answers(&upstream));
        let own = std::env::current_exe().expect("this program");
        let output = Command::new(own).arg("serve").arg(&file).output();
        let output = output.expect("this program");
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("does not allow") {
            println!("skipped: the kernel forbids {driver} here");
            continue;
        }
        println!(
            "{driver}: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
        if !output.status.success() {
            println!("{said}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The plain proxy route, with all that a production route has: a parameter, throttles, metrics,
/// ids and forwarding headers.
fn config(driver: &str, address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "workers = 1\ndriver = \"{driver}\"\n\
         [listeners.main]\naddress = \"{address}\"\n\
         [admin]\naddress = \"off\"\n\
         [management]\naddress = \"off\"\n\
         [upstreams.pool]\ntargets = [\"{upstream}\"]\n\
         [apis.main.routes.\"GET /pets/{{id}}\"]\n\
         integration = {{ type = \"http_proxy\", uri = \"http://pool/animals/{{id}}\" }}\n\
         throttling = {{ rate_limit = 1000000, burst_limit = 1000000 }}\n"
    )
}

fn upstream_answers(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            while skip_head(&mut reader) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                if reader.get_mut().write_all(answer).is_err() {
                    return;
                }
            }
        });
    }
}

/// Reads up to the blank line behind a head; false at the end of the stream.
fn skip_head(reader: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(1..) if line == "\r\n" => return true,
            Ok(1..) => {}
            _ => return false,
        }
    }
}

/// Plays the client inside the gateway's process, and ends the process with the verdict.
fn measure(address: SocketAddr) {
    let outcome = std::panic::catch_unwind(|| {
        let until = Instant::now() + PATIENCE;
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "no gateway: {error}"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut reader = BufReader::new(stream);
        ask(&mut reader, WARM_UP_REQUESTS);
        let before = allocated_by_cores();
        ask(&mut reader, REQUESTS);
        allocated_by_cores() - before
    });
    let Ok(allocations) = outcome else {
        std::process::exit(1);
    };
    println!("{allocations} allocations for {REQUESTS} requests");
    std::process::exit(i32::from(allocations > 0));
}

fn ask(reader: &mut BufReader<TcpStream>, requests: usize) {
    let request = b"GET /pets/7?colour=red HTTP/1.1\r\nHost: pets.test\r\nAccept: */*\r\n\
                    User-Agent: no_alloc\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n";
    for _ in 0..requests {
        reader.get_mut().write_all(request).expect("room");
        assert!(skip_head(reader), "the gateway hung up");
        let mut body = [0; 5];
        reader.read_exact(&mut body).expect("a body");
        assert_eq!(&body, b"hello");
    }
}

/// Allocations so far of the threads called `core-0`, `core-1` and so on.
fn allocated_by_cores() -> u64 {
    let mut cores = 0;
    let mut sum = 0;
    for (count, id) in COUNTS.iter().zip(&THREAD_IDS) {
        let id = id.load(Ordering::SeqCst);
        let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
        if name.starts_with("core-") {
            cores += 1;
            sum += count.load(Ordering::SeqCst);
        }
    }
    assert!(cores > 0, "no thread is called core-0");
    sum
}
