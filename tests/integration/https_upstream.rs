//! Upstreams behind TLS: verified, by name and authority.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::kit::{Authority, Driver, Gateway, PATIENCE, Pair, Reader, Setup, route, table};

on_both_drivers! {
    an_upstream_with_its_own_authority_is_trusted,
    a_wrong_name_is_a_bad_gateway,
    an_unknown_authority_is_a_bad_gateway,
    verification_can_be_left_out,
    the_name_to_verify_can_be_set,
    a_large_body_passes_through_tls,
    an_upstream_that_does_not_speak_tls_is_a_bad_gateway,
}

/// A TLS server that answers every request with the SNI it was asked for.
struct SecureUpstream {
    address: SocketAddr,
    accepted: Arc<Mutex<usize>>,
}

type Session = Reader<StreamOwned<ServerConnection, TcpStream>>;

impl SecureUpstream {
    fn start(pair: &Pair) -> Self {
        let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("a certificate");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let accepted = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&accepted);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                *counted.lock().unwrap() += 1;
                let config = Arc::clone(&config);
                thread::spawn(move || serve(stream, config));
            }
        });
        Self { address, accepted }
    }

    fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let session = ServerConnection::new(config).expect("a session");
    let mut reader: Session = Reader::new(StreamOwned::new(session, stream));
    while let Ok(Some(mut request)) = reader.head() {
        if reader.body(&mut request).is_err() {
            return;
        }
        let name = reader
            .stream
            .conn
            .server_name()
            .unwrap_or("none")
            .to_owned();
        let body = match request.target() {
            "/echo" => request.body,
            _ => name.into_bytes(),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        if reader
            .stream
            .write_all(&[head.as_bytes(), &body].concat())
            .is_err()
        {
            return;
        }
    }
    let _ = reader.stream.read(&mut [0]);
}

/// A gateway before `localhost` at this address, with these settings for TLS.
fn gateway(driver: Driver, address: SocketAddr, authority: &Authority, tls: &str) -> Gateway {
    let lines = format!(
        "targets = [\"localhost:{}\"]\ntls = {{ {tls} }}",
        address.port()
    );
    let config = route("ANY /{proxy+}", "https://pool/{proxy}") + &table("upstreams.pool", &lines);
    let setup = Setup::new(driver, config);
    std::fs::write(setup.folder().join("ca.pem"), authority.pem()).expect("a file");
    setup.start()
}

const OWN: &str = "ca_file = \"ca.pem\"";

fn an_upstream_with_its_own_authority_is_trusted(driver: Driver) {
    let authority = Authority::new();
    let upstream = SecureUpstream::start(&authority.issue(&["localhost"]));
    let gateway = gateway(driver, upstream.address, &authority, OWN);
    let mut client = gateway.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/x").text(), "localhost", "the SNI");
    }
    assert_eq!(upstream.accepted(), 1, "the session is kept");
}

fn a_wrong_name_is_a_bad_gateway(driver: Driver) {
    let authority = Authority::new();
    let upstream = SecureUpstream::start(&authority.issue(&["elsewhere.test"]));
    let gateway = gateway(driver, upstream.address, &authority, OWN);
    let response = gateway.get("/x");
    assert_eq!(response.status(), 502);
    assert_eq!(response.text(), r#"{"message":"Bad Gateway"}"#);
    let series = "daemun_upstream_failures_total{kind=\"tls\"}";
    assert_eq!(gateway.metric(series), Some(1.0));
}

fn an_unknown_authority_is_a_bad_gateway(driver: Driver) {
    let upstream = SecureUpstream::start(&Authority::new().issue(&["localhost"]));
    for tls in [OWN, ""] {
        let gateway = gateway(driver, upstream.address, &Authority::new(), tls);
        assert_eq!(gateway.get("/x").status(), 502, "{tls}");
    }
}

fn verification_can_be_left_out(driver: Driver) {
    let upstream = SecureUpstream::start(&Authority::new().issue(&["elsewhere.test"]));
    let tls = "insecure_skip_verification = true";
    let gateway = gateway(driver, upstream.address, &Authority::new(), tls);
    assert_eq!(gateway.get("/x").text(), "localhost");
}

fn the_name_to_verify_can_be_set(driver: Driver) {
    let authority = Authority::new();
    let upstream = SecureUpstream::start(&authority.issue(&["pets.internal"]));
    let tls = format!("{OWN}, server_name = \"pets.internal\"");
    let gateway = gateway(driver, upstream.address, &authority, &tls);
    assert_eq!(gateway.get("/x").text(), "pets.internal");
}

fn a_large_body_passes_through_tls(driver: Driver) {
    let authority = Authority::new();
    let upstream = SecureUpstream::start(&authority.issue(&["localhost"]));
    let gateway = gateway(driver, upstream.address, &authority, OWN);
    let mut pattern = crate::kit::Pattern::new();
    let mut body = Vec::new();
    while body.len() < 3_000_000 {
        body.extend_from_slice(pattern.next(u64::MAX));
    }
    let mut client = gateway.connect();
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(&body);
    let response = client.response();
    assert_eq!(response.body.len(), body.len());
    assert!(response.body == body, "the body differs");
}

fn an_upstream_that_does_not_speak_tls_is_a_bad_gateway(driver: Driver) {
    let upstream = crate::kit::Upstream::start(|visit| {
        visit.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        visit.await_end();
    });
    let gateway = gateway(driver, upstream.address, &Authority::new(), OWN);
    assert_eq!(gateway.get("/x").status(), 502);
}
