//! Rare HTTP requests of the control thread, one connection each.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1::handshake;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rt::tls::Client;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Errand {
    pub method: &'static str,
    /// `http://host[:port]/path?query` or `https://…`.
    pub url: String,
    /// Where to connect to, if not to the host of the URL.
    pub through: Option<(String, u16)>,
    /// `Host` follows from the URL where it is not among them.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Runs an errand within `limit`; `tls` is asked for when the URL begins with `https`.
///
/// # Errors
/// Why there is no answer of at most `bytes_max` bytes.
pub async fn run(
    errand: Errand,
    tls: impl FnOnce() -> Result<Client, String>,
    limit: Duration,
    bytes_max: usize,
) -> Result<Fetched, String> {
    let url = errand.url.clone();
    let fetched = timeout(limit, fetch(errand, tls, bytes_max)).await;
    let outcome = fetched.unwrap_or_else(|_| Err(format!("no answer within {limit:?}")));
    outcome.map_err(|why| format!("{url}: {why}"))
}

async fn fetch(
    errand: Errand,
    tls: impl FnOnce() -> Result<Client, String>,
    bytes_max: usize,
) -> Result<Fetched, String> {
    let uri: Uri = errand.url.parse().map_err(shown)?;
    let is_tls = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or("the URL has no host")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let usual = if is_tls { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(usual);
    let through = errand.through.clone();
    let through = through.unwrap_or_else(|| (bare.to_owned(), port));
    let stream = TcpStream::connect(through).await.map_err(shown)?;
    match is_tls {
        true => {
            let stream = tls()?.secure(stream, bare).await.map_err(shown)?;
            exchange(stream, &uri, errand, bytes_max).await
        }
        false => exchange(stream, &uri, errand, bytes_max).await,
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &Uri,
    errand: Errand,
    bytes_max: usize,
) -> Result<Fetched, String> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(shown)?;
    // It ends with its sender, or when the other side breaks off.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(errand.method).uri(path);
    let names_host = |(name, _): &(String, String)| name.eq_ignore_ascii_case("host");
    if !errand.headers.iter().any(names_host) {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        request = request.header("Host", host);
    }
    for (name, value) in &errand.headers {
        request = request.header(name, value);
    }
    let request = request.body(errand.body).map_err(shown)?;
    let response = sender.send_request(request).await.map_err(shown)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), bytes_max);
    let body = body.collect().await.map_err(shown)?.to_bytes().to_vec();
    Ok(Fetched { status, body })
}

fn shown(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn asked(answer: &'static str, bytes_max: usize) -> (String, Result<Fetched, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = vec![0; 4_096];
            let length = stream.read(&mut seen).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&seen[..length]).into_owned()
        });
        let errand = Errand {
            method: "POST",
            url,
            through: None,
            headers: vec![("X-A".to_owned(), "1".to_owned())],
            body: "hello".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let limit = Duration::from_secs(5);
        let no_tls = || Err("no TLS here".to_owned());
        let fetched = runtime.block_on(run(errand, no_tls, limit, bytes_max));
        (server.join().unwrap(), fetched)
    }

    #[test]
    fn an_errand_is_run() {
        let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
        let (seen, fetched) = asked(answer, 10);
        assert!(seen.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("x-a: 1\r\n") && seen.contains("content-length: 5\r\n"));
        let fetched = fetched.unwrap();
        assert_eq!((fetched.status, &*fetched.body), (403, &b"no"[..]));
    }

    #[test]
    fn an_answer_has_a_bound() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789";
        let (_, fetched) = asked(answer, 10);
        assert!(fetched.unwrap_err().contains("127.0.0.1"));
    }
}
