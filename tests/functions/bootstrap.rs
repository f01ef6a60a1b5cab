//! A function for the `provided` runtimes that does what its event asks for: the tests compile it
//! with rustc alone. `act=NAME` anywhere in the event chooses; without it there is no work at all. The
//! variable MANNER says in which of its odder ways it speaks to the Runtime API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

struct Runtime {
    address: String,
    stream: BufReader<TcpStream>,
    manner: String,
    /// The status line of the last answer.
    status: String,
}

impl Runtime {
    fn new(address: String) -> Self {
        Self {
            stream: connected(&address),
            address,
            manner: std::env::var("MANNER").unwrap_or_default(),
            status: String::new(),
        }
    }

    /// One request, on the kept connection unless the manner is another: header lines and body of its
    /// answer.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (Vec<String>, Vec<u8>) {
        let request = self.request(method, path, body);
        let is_answer = method == "POST";
        match &*self.manner {
            "close" => self.stream = connected(&self.address),
            "second" if is_answer => {
                let kept = std::mem::replace(&mut self.stream, connected(&self.address));
                self.stream.get_mut().write_all(&request).unwrap();
                let answered = self.answered();
                self.stream = kept;
                return answered;
            }
            "abandon" if !is_answer => {
                // Its first question is given up.
                self.stream.get_mut().write_all(&request).unwrap();
                std::thread::sleep(Duration::from_millis(2));
                self.stream = connected(&self.address);
                println!("asks again");
            }
            "trickle" => {
                for piece in request.chunks(40) {
                    self.stream.get_mut().write_all(piece).unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                }
                return self.answered();
            }
            _ => {}
        }
        self.stream.get_mut().write_all(&request).unwrap();
        if self.manner == "expect" && is_answer {
            // The interim answer, then that to the body.
            self.answered();
            self.stream.get_mut().write_all(body).unwrap();
        }
        self.answered()
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let (length, mut body) = (body.len(), body.to_vec());
        let fields = match &*self.manner {
            "chunked" if method == "POST" => {
                body = [
                    format!("{length:x}\r\n").as_bytes(),
                    &body,
                    b"\r\n0\r\n\r\n",
                ]
                .concat();
                "Transfer-Encoding: chunked".to_owned()
            }
            "expect" if method == "POST" => {
                body.clear();
                format!("Expect: 100-continue\r\nContent-Length: {length}")
            }
            _ => format!("Content-Length: {length}"),
        };
        let head = format!(
            "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n\r\n",
            self.address,
        );
        [head.as_bytes(), &body].concat()
    }

    /// Answers an invocation, or breaks off, as its event says. True: it is not to be answered again.
    fn breaks_off(&mut self, event: &str, id: &str) -> bool {
        let (act, _) = act(event);
        let path = format!("invocation/{id}/response");
        match act {
            "half" | "halfexit" => {
                let request = self.request("POST", &path, &[b'x'; 1_000]);
                let half = &request[..request.len() - 500];
                self.stream.get_mut().write_all(half).unwrap();
                std::thread::sleep(Duration::from_millis(20));
                if act == "halfexit" {
                    std::process::exit(3);
                }
                self.stream = connected(&self.address);
            }
            "early" => {
                // It may not ask before it has answered.
                self.ask("GET", "invocation/next", b"");
                let told = format!("{:?}", self.status);
                self.ask("POST", &path, told.as_bytes());
            }
            "fault" => {
                let fault = br#"{"errorType":"Broken","errorMessage":"no luck"}"#;
                self.ask("POST", &format!("invocation/{id}/error"), fault);
            }
            "foreign" => {
                // Answers of invocations that it does not have, until nobody listens any more.
                let request = self.request("POST", "invocation/other/response", b"{}");
                let mut refused = 0;
                let mut stream = connected(&self.address);
                while stream.get_mut().write_all(&request).is_ok() {
                    let mut line = String::new();
                    if !matches!(stream.read_line(&mut line), Ok(count) if count > 0) {
                        break;
                    }
                    assert!(line.starts_with("HTTP/1.1 400"), "{line}");
                    let mut length = 0;
                    while line != "\r\n" {
                        line.clear();
                        stream.read_line(&mut line).unwrap();
                        let field = line.trim_end().split_once(": ");
                        if let Some(("Content-Length", value)) = field {
                            length = value.parse().unwrap();
                        }
                    }
                    stream.read_exact(&mut vec![0; length]).unwrap();
                    refused += 1;
                }
                self.ask("POST", &path, refused.to_string().as_bytes());
            }
            "twice" => {
                self.ask("POST", &path, b"\"first\"");
                self.ask("POST", &path, b"\"second\"");
            }
            _ => return false,
        }
        true
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
            if lines.is_empty() {
                self.status = line.trim_end().to_owned();
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

fn connected(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
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
    let mut runtime = Runtime::new(address);
    // What was asked for in one breath with the last answer.
    let mut next = None;
    loop {
        let (headers, event) = match next.take() {
            Some(next) => next,
            None => runtime.ask("GET", "invocation/next", b""),
        };
        let id = header(&headers, "lambda-runtime-aws-request-id").unwrap();
        let event = String::from_utf8_lossy(&event);
        if runtime.stream(&event, &id) || runtime.breaks_off(&event, &id) {
            continue;
        }
        let output = match act(&event).0 {
            "status" => format!("{:?}", runtime.status).into_bytes(),
            _ => answer(&event, &headers),
        };
        let path = format!("invocation/{id}/response");
        if runtime.manner == "pipeline" {
            let answer = runtime.request("POST", &path, &output);
            let question = runtime.request("GET", "invocation/next", b"");
            let both = [answer, question].concat();
            runtime.stream.get_mut().write_all(&both).unwrap();
            runtime.answered();
            next = Some(runtime.answered());
        } else {
            runtime.ask("POST", &path, &output);
        }
    }
}
