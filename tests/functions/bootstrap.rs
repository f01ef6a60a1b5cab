//! A function for the `provided` runtimes that does what its event asks for: the tests compile it
//! with rustc alone. `act=NAME` anywhere in the event chooses; without it there is no work at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

struct Runtime {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Runtime {
    /// One request on the kept connection: header lines and body of its answer.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (Vec<String>, Vec<u8>) {
        let head = format!(
            "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        self.answered()
    }

    fn answered(&mut self) -> (Vec<String>, Vec<u8>) {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            // The gateway has ended this worker.
            if self.stream.read_line(&mut line).unwrap() == 0 {
                std::process::exit(0);
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let length = header(&lines, "content-length").unwrap_or_default();
        let mut body = vec![0; length.parse().unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        (lines, body)
    }

    /// Begins an answer that is read while it is made.
    fn begin(&mut self, id: &str) {
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {}\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
            self.address
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
    }

    fn chunk(&mut self, bytes: &[u8]) {
        let line = format!("{:x}\r\n", bytes.len());
        let chunk = [line.as_bytes(), bytes, b"\r\n"].concat();
        self.stream.get_mut().write_all(&chunk).unwrap();
    }

    fn end(&mut self, trailers: &str) {
        let last = format!("0\r\n{trailers}\r\n");
        self.stream.get_mut().write_all(last.as_bytes()).unwrap();
        self.answered();
    }

    /// Streams what the event asks for; false if it asks for no stream.
    fn stream(&mut self, event: &str, id: &str) -> bool {
        const METADATA: &[u8] = b"{\"statusCode\":201,\"headers\":{\"X-A\":\"1\"},\"cookies\":[\"a=1\",\"b=2\"]}\0\0\0\0\0\0\0\0";
        let (act, number) = act(event);
        if !act.starts_with("stream") {
            return false;
        }
        self.begin(id);
        match act {
            "streamtext" => self.chunk(b"no metadata"),
            "streamlong" => self.chunk(&[b'x'; 20_000]),
            "streamwrong" => self.chunk(b"[1]\0\0\0\0\0\0\0\0"),
            "streamnothing" => {}
            // Metadata and delimiter byte by byte.
            "streambytes" => METADATA.iter().for_each(|byte| self.chunk(&[*byte])),
            _ => self.chunk(METADATA),
        }
        let mut trailers = "";
        match act {
            "streamwait" => {
                self.chunk(b"first");
                let go = std::env::var("GO").unwrap();
                while !std::path::Path::new(&go).exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                self.chunk(b"last");
            }
            "streamflood" => {
                let piece = [b'x'; 65_536];
                (0..number * 16).for_each(|_| self.chunk(&piece));
                println!("flooded");
            }
            "streamexit" => {
                self.chunk(b"half");
                std::process::exit(1);
            }
            "streamhang" => {
                self.chunk(b"half");
                std::thread::sleep(Duration::from_secs(60));
            }
            "streamfault" => {
                self.chunk(b"half");
                // {"errorType":"Broken","errorMessage":"no luck"}
                trailers = "Lambda-Runtime-Function-Error-Type: Broken\r\n\
                    Lambda-Runtime-Function-Error-Body: \
                    eyJlcnJvclR5cGUiOiJCcm9rZW4iLCJlcnJvck1lc3NhZ2UiOiJubyBsdWNrIn0=\r\n";
            }
            "streambytes" => self.chunk(b"whole"),
            _ => {}
        }
        self.end(trailers);
        true
    }
}

fn header(lines: &[String], name: &str) -> Option<String> {
    lines.iter().find_map(|line| {
        let (own, value) = line.split_once(": ")?;
        own.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// What the event asks for, and the number behind it.
fn act(event: &str) -> (&str, u64) {
    let word = event.split_once("act=").map_or("", |(_, rest)| rest);
    let end = word
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(word.len());
    let word = &word[..end];
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters, word[letters.len()..].parse().unwrap_or(0))
}

fn answer(event: &str, headers: &[String]) -> Vec<u8> {
    let (act, number) = act(event);
    match act {
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(60));
        },
        "exit" => std::process::exit(i32::try_from(number).unwrap_or(1)),
        "abort" => std::process::abort(),
        "garbage" => b"<no JSON at all>".to_vec(),
        "large" => vec![b'x'; usize::try_from(number).unwrap_or(0)],
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number));
            b"\"slept\"".to_vec()
        }
        "fork" => {
            let child = Command::new("sleep").arg("300").spawn().unwrap();
            child.id().to_string().into_bytes()
        }
        "pid" => std::process::id().to_string().into_bytes(),
        "print" => {
            println!("printed by the function");
            eprintln!("and to the other stream");
            b"{}".to_vec()
        }
        "environment" => {
            let all = std::env::vars().map(|(name, value)| format!("{name}={value}"));
            format!("{:?}", all.collect::<Vec<_>>()).into_bytes()
        }
        "files" => {
            let open = std::fs::read_dir("/proc/self/fd").unwrap();
            open.count().to_string().into_bytes()
        }
        "headers" => format!("{headers:?}").into_bytes(),
        "event" => event.as_bytes().to_vec(),
        _ => b"{\"statusCode\":200}".to_vec(),
    }
}

fn main() {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    if std::env::var("FAIL_AT_START").is_ok() {
        println!("failing as I was told");
        std::process::exit(3);
    }
    let stream = TcpStream::connect(&address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut runtime = Runtime {
        address,
        stream: BufReader::new(stream),
    };
    loop {
        let (headers, event) = runtime.ask("GET", "invocation/next", b"");
        let id = header(&headers, "lambda-runtime-aws-request-id").unwrap();
        if runtime.stream(&String::from_utf8_lossy(&event), &id) {
            continue;
        }
        let output = answer(&String::from_utf8_lossy(&event), &headers);
        runtime.ask("POST", &format!("invocation/{id}/response"), &output);
    }
}
