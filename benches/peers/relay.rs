//! A Runtime API with an HTTP server before it, in one thread, that does nothing else: what any gateway's
//! place in a call of a function costs. `benches/functions.py` compiles it with rustc alone.
//!
//! `relay CLIENTS RUNTIME EVENT`: two addresses, and the file with the event of every call. One worker, and
//! one client at a time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
    Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// Reads a whole message with Content-Length, or none; false at the end of the connection.
fn heard(from: &mut TcpStream, message: &mut Vec<u8>) -> bool {
    let mut room = [0; 16 * 1024];
    message.clear();
    loop {
        match from.read(&mut room) {
            Ok(0) | Err(_) => return false,
            Ok(count) => message.extend_from_slice(&room[..count]),
        }
        if let Some(end) = message.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_ascii_lowercase();
            let length = head.split("content-length:").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if message.len() >= end + 4 + length.unwrap_or(0) {
                return true;
            }
        }
    }
}

fn told(number: u64, event: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-{number:012}\r\n\
         Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\
         Lambda-Runtime-Trace-Id: Root=1-6925f5a0-0123456789abcdef01234567\r\n\
         Content-Length: {}\r\n\r\n",
        event.len()
    );
    [head.as_bytes(), event].concat()
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, clients, runtime, event] = arguments.as_slice() else {
        panic!("relay CLIENTS RUNTIME EVENT");
    };
    let (clients, runtime) = (TcpListener::bind(clients)?, TcpListener::bind(runtime)?);
    let event = std::fs::read(event)?;
    let (mut worker, _) = runtime.accept()?;
    worker.set_nodelay(true)?;
    let (mut asked, mut said, mut number) = (Vec::new(), Vec::new(), 0);
    if !heard(&mut worker, &mut said) {
        return Ok(());
    }
    loop {
        let (mut client, _) = clients.accept()?;
        client.set_nodelay(true)?;
        while heard(&mut client, &mut asked) {
            number += 1;
            worker.write_all(&told(number, &event))?;
            if !heard(&mut worker, &mut said) {
                return Ok(());
            }
            client.write_all(ANSWER)?;
            worker.write_all(ACCEPTED)?;
            if !heard(&mut worker, &mut said) {
                return Ok(());
            }
        }
    }
}
