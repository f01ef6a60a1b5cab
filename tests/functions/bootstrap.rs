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
        let output = answer(&String::from_utf8_lossy(&event), &headers);
        runtime.ask("POST", &format!("invocation/{id}/response"), &output);
    }
}
