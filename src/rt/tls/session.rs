//! One TLS connection, server's or client's side, as a value that is lent a socket call by call.
//!
//! ```text
//!  socket ──recv──▶ scratch.incoming ──▶ machine ──▶ into        (rest: unread)
//!                   └ partial record: held               scratch.outgoing ──send──▶ socket
//!  parts ─────────────────────────────▶ machine ──────▶ └ what the socket did not take: outbox
//! ```
//!
//! Between calls a session keeps only what cannot be given away: part of a record, plaintext the
//! caller had no room for, ciphertext the socket had no room for. Idle, all three are empty and
//! own no memory.

use std::sync::Arc;
use std::{fmt, io};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::{CipherSuite, CommonState, HandshakeKind, ProtocolVersion};

use crate::rt::tls::accept::Server;
use crate::rt::tls::backlog::Backlog;
use crate::rt::tls::certificate::asked_name;
use crate::rt::tls::connect::Client;
use crate::rt::tls::error::Error;
use crate::rt::tls::machine::{
    Halt, Hands, Job, Plain, RECORD_PLAIN_BYTES_MAX, RECORD_WIRE_BYTES_MAX, Seal, drive, last_words,
};
use crate::rt::tls::terms::{Names, Own};
use crate::rt::tls::trust::ClientCertificate;

/// A non-blocking byte stream: `WouldBlock` when nothing can be done now.
pub trait Socket {
    /// Reads up to `into.len()` bytes; 0 is the end of the stream.
    fn recv(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Sends some of the bytes of `from` and says how many.
    fn send(&self, from: &[u8]) -> io::Result<usize>;
}

/// Four full records of ours with room to spare, and more than the 64 KiB a handshake message
/// may have.
const SCRATCH_BYTES: usize = 70 << 10;

/// Full reads in one `read` that bring no data before the peer is taken for hostile; 1 MiB.
const EMPTY_READS_MAX: u32 = 16;

/// Buffers of a core, lent to one session at a time. Nothing in them outlives a call.
#[derive(Debug)]
pub struct Scratch {
    incoming: Box<[u8]>,
    outgoing: Box<[u8]>,
    gather: Box<[u8]>,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            incoming: vec![0; SCRATCH_BYTES].into(),
            outgoing: vec![0; SCRATCH_BYTES].into(),
            gather: vec![0; RECORD_PLAIN_BYTES_MAX].into(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// How far a handshake came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Data can flow.
    Done,
    /// Call again when the socket is readable.
    WantRead,
    /// Call again when the socket is writable.
    WantWrite,
}

enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Connection {
    fn common(&self) -> &CommonState {
        match self {
            Self::Server(server) => server,
            Self::Client(client) => client,
        }
    }
}

/// A TLS connection without its socket. The socket must be the same one in every call.
pub struct Session {
    connection: Connection,
    /// Ciphertext that was received but not used: part of a record or a handshake message, or
    /// whole records when `is_behind`.
    held: Vec<u8>,
    /// Decrypted bytes the caller had no room for.
    unread: Backlog,
    /// Records the socket had no room for.
    outbox: Backlog,
    /// Why this session is over, told again in every call.
    fault: Option<Box<Error>>,
    server_name: Option<Box<str>>,
    /// Names have terms of their own, and the client has not said yet which one it wants.
    greeting: Option<Box<Greeting>>,
    /// The terms that the client's name has of its own.
    own: Option<Arc<Own>>,
    /// `held` may have complete records.
    is_behind: bool,
    /// The peer's close_notify was seen.
    peer_closed: bool,
    /// `close` was called.
    closed: bool,
}

/// Reads a ClientHello for the name in it, before the machine does: what the machine offers depends
/// on it.
struct Greeting {
    names: Arc<Names>,
    acceptor: Acceptor,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.protocol_version())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session that waits for a client's first flight.
    pub fn accept(server: &Server) -> Result<Self, Error> {
        let connection = UnbufferedServerConnection::new(server.config())?;
        let mut session = Self::new(Connection::Server(Box::new(connection)), None);
        session.greeting = server.names().map(|names| {
            let acceptor = Acceptor::default();
            Box::new(Greeting { names, acceptor })
        });
        Ok(session)
    }

    /// A session that will greet a server called `server_name`: a host name or an IP address
    /// (with or without brackets), sent as SNI if it is a name and looked for in the certificate.
    pub fn connect(client: &Client, server_name: &str) -> Result<Self, Error> {
        let bare = server_name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            // "without a trailing dot" (RFC 6066, section 3).
            .or_else(|| server_name.strip_suffix('.'))
            .unwrap_or(server_name);
        let name = ServerName::try_from(bare)
            .map_err(|_| Error::ServerName(server_name.to_owned()))?
            .to_owned();
        let connection = UnbufferedClientConnection::new(client.config(), name)?;
        Ok(Self::new(
            Connection::Client(Box::new(connection)),
            Some(bare.into()),
        ))
    }

    fn new(connection: Connection, server_name: Option<Box<str>>) -> Self {
        Self {
            connection,
            held: Vec::new(),
            unread: Backlog::default(),
            outbox: Backlog::default(),
            fault: None,
            server_name,
            greeting: None,
            own: None,
            is_behind: false,
            peer_closed: false,
            closed: false,
        }
    }

    /// Drives the handshake as far as the socket allows.
    ///
    /// On an error the alert that explains it was sent, if the socket had room.
    pub fn handshake(
        &mut self,
        socket: &impl Socket,
        scratch: &mut Scratch,
    ) -> io::Result<Progress> {
        self.check()?;
        if self.greeting.is_none() {
            self.run_held(Job::Handshake, &mut []);
        }
        loop {
            // Before the check, since the outbox may hold the alert about the fault.
            let flushed = self.flush(socket);
            self.check()?;
            match flushed {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::WantWrite);
                }
                flushed => flushed?,
            }
            if !self.connection.common().is_handshaking() {
                return Ok(Progress::Done);
            }
            match self.receive(socket, scratch, SCRATCH_BYTES) {
                Ok(received) if received.bytes == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(received) => {
                    let incoming = &mut scratch.incoming[..received.end];
                    if self.greet(&incoming[received.end - received.bytes..])? {
                        self.run(incoming, Job::Handshake, &mut []);
                    } else {
                        self.held.extend_from_slice(incoming);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::WantRead);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the terms of the name that the client wants, once it is known: true from then on.
    fn greet(&mut self, mut fresh: &[u8]) -> Result<bool, Error> {
        let Some(greeting) = &mut self.greeting else {
            return Ok(true);
        };
        let own = loop {
            match greeting.acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let name = hello.server_name();
                    break name.and_then(|name| greeting.names.find(name)).cloned();
                }
                Ok(None) if fresh.is_empty() => return Ok(false),
                Ok(None) if greeting.acceptor.read_tls(&mut fresh).is_ok() => {}
                // The machine finds the same fault, and has the words for it.
                Ok(None) | Err(_) => break None,
            }
        };
        self.greeting = None;
        if let Some(config) = own.as_ref().and_then(|own| own.config.as_ref()) {
            let connection = UnbufferedServerConnection::new(Arc::clone(config))?;
            self.connection = Connection::Server(Box::new(connection));
            self.own = own;
        }
        Ok(true)
    }

    /// What the client has proved to be, where certificates are asked for.
    pub fn client_certificate(&self) -> Option<ClientCertificate> {
        let Connection::Server(server) = &self.connection else {
            return None;
        };
        let shown = server.peer_certificates()?.first()?;
        let own = self.own.as_ref();
        let own = own.filter(|own| own.terms.truststore.is_some());
        let name = own.map_or_else(|| "".into(), |own| Arc::clone(&own.terms.name));
        ClientCertificate::of(name, shown)
    }

    /// Reads plaintext into `into`, as much as is there, and says how many bytes.
    ///
    /// `Ok(0)` is the peer's close_notify (or our own `close`); an end of the stream without one
    /// is `UnexpectedEof`, since somebody on the way may have cut the data short (RFC 8446,
    /// section 6.1). Fewer bytes than `into` has room for mean that the socket was drained,
    /// unless `has_unread`. `WouldBlock`: no whole record is there.
    pub fn read(
        &mut self,
        socket: &impl Socket,
        scratch: &mut Scratch,
        into: &mut [u8],
    ) -> io::Result<usize> {
        if self.closed {
            return Ok(0);
        }
        let mut filled = self.unread.take_into(into);
        if self.is_behind && filled < into.len() {
            filled += self.run_held(Job::Read, &mut into[filled..]);
        }
        let mut empty_reads = 0;
        while filled < into.len() && !self.peer_closed && self.fault.is_none() {
            // More than fits would only be carried around.
            let room = into.len() - filled;
            let wanted = room.saturating_add(room / 8 + RECORD_WIRE_BYTES_MAX);
            let received = match self.receive(socket, scratch, wanted) {
                Ok(received) if received.bytes == 0 && filled == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(received) if received.bytes == 0 => break,
                Ok(received) => received,
                Err(error) if filled == 0 && error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(error);
                }
                // What is there comes first; the socket tells its error or its end again.
                Err(_) => break,
            };
            let incoming = &mut scratch.incoming[..received.end];
            filled += self.run(incoming, Job::Read, &mut into[filled..]);
            if received.is_short {
                break;
            }
            empty_reads += 1;
            if filled == 0 && empty_reads == EMPTY_READS_MAX {
                self.fault = Some(Box::new(Error::NoData));
            }
        }
        // Answers to the peer: alerts, warnings. A full socket keeps them for `flush`; a broken
        // one is noticed by whoever uses it next.
        let _ = self.flush(socket);
        if filled > 0 || into.is_empty() {
            return Ok(filled);
        }
        self.check()?;
        if self.peer_closed {
            return Ok(0);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// True when `read` has something to give or to say without new bytes from the socket, so
    /// that waiting for the socket would hang.
    pub fn has_unread(&self) -> bool {
        self.is_behind || !self.unread.is_empty() || self.peer_closed || self.fault.is_some()
    }

    /// Seals plaintext of `parts`, in order, as much as one scratch buffer holds (64 KiB), sends
    /// it once and says how many plaintext bytes were taken.
    ///
    /// What the socket does not take is kept and must be flushed before more is accepted:
    /// `WouldBlock` until then. After `close`: `BrokenPipe`.
    pub fn write(
        &mut self,
        socket: &impl Socket,
        scratch: &mut Scratch,
        parts: &[io::IoSlice<'_>],
    ) -> io::Result<usize> {
        self.check()?;
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.flush(socket)?;
        let (mut taken, mut written) = (0, 0);
        let seal = Seal {
            parts,
            gather: &mut scratch.gather,
            outgoing: &mut scratch.outgoing,
            taken: &mut taken,
            written: &mut written,
        };
        self.run_held(Job::Write(seal), &mut []);
        let sealed = &scratch.outgoing[..written];
        if self.fault.is_some() {
            let _ = self.flush(socket);
            self.check()?;
        }
        if !self.outbox.is_empty() {
            // Records of the machine came up on the way; they go first.
            self.outbox.push(sealed);
            if let Err(error) = self.flush(socket)
                && error.kind() != io::ErrorKind::WouldBlock
            {
                return Err(error);
            }
        } else if written > 0 {
            let sent = send_some(socket, sealed)?;
            if sent < written {
                self.outbox.push(&sealed[sent..]);
            }
        }
        let is_empty = parts.iter().all(|part| part.is_empty());
        if taken == 0 && !is_empty {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    /// Sends kept ciphertext. `WouldBlock` while some is left.
    pub fn flush(&mut self, socket: &impl Socket) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match send_some(socket, self.outbox.rest())? {
                0 => return Err(io::ErrorKind::WouldBlock.into()),
                sent => self.outbox.advance(sent),
            }
        }
        Ok(())
    }

    /// True while ciphertext is kept that the socket had no room for.
    pub fn wants_flush(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Ends our side: queues a close_notify and tries to send it (`wants_flush` says whether it
    /// went out). Afterwards `read` gives `Ok(0)` and `write` fails.
    ///
    /// Says nothing when the handshake is not over or the session failed: the first has no
    /// meaning, the second has sent its alert.
    pub fn close(&mut self, socket: &impl Socket, scratch: &mut Scratch) {
        if self.closed {
            return;
        }
        if self.fault.is_none() && !self.connection.common().is_handshaking() {
            self.run_held(Job::Close(&mut scratch.outgoing), &mut []);
        }
        self.closed = true;
        (self.held, self.unread) = (Vec::new(), Backlog::default());
        // Best effort: the peer may be gone, and then nobody is there to be told.
        let _ = self.flush(socket);
    }

    /// The application protocol agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.common().alpn_protocol()
    }

    /// The name the client asked for (SNI), in lower case; for a client the name it connects to.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// `TLSv1.2` or `TLSv1.3`; empty before it is agreed on.
    pub fn protocol_version(&self) -> &'static str {
        match self.connection.common().protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        }
    }

    /// The IANA name of the cipher suite; empty before it is agreed on.
    pub fn cipher_suite(&self) -> &'static str {
        let suite = self.connection.common().negotiated_cipher_suite();
        suite.map_or("", |suite| suite_name(suite.suite()))
    }

    /// Whether an earlier session's secrets spared the certificates and the key exchange.
    pub fn is_resumed(&self) -> bool {
        self.connection.common().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn check(&self) -> io::Result<()> {
        match &self.fault {
            Some(fault) => Err((**fault).clone().into()),
            None => Ok(()),
        }
    }

    /// Receives behind the held bytes: the scratch then starts with all unused ciphertext.
    fn receive(
        &mut self,
        socket: &impl Socket,
        scratch: &mut Scratch,
        wanted: usize,
    ) -> io::Result<Received> {
        let start = self.held.len();
        let end = scratch.incoming.len().min(start.saturating_add(wanted));
        if start == end {
            // Only a message in many records can fill the scratch without being complete.
            self.fault = Some(Box::new(Error::MessageTooLarge));
            self.check()?;
        }
        let bytes = loop {
            match socket.recv(&mut scratch.incoming[start..end]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received?,
            }
        };
        if bytes > 0 {
            scratch.incoming[..start].copy_from_slice(&self.held);
            self.held.clear();
        }
        Ok(Received {
            bytes,
            end: start + bytes,
            is_short: bytes < end - start,
        })
    }

    /// Drives the machine over the held bytes, where they are. Says how much of `into` was filled.
    fn run_held(&mut self, job: Job<'_>, into: &mut [u8]) -> usize {
        let mut held = std::mem::take(&mut self.held);
        let (used, filled) = self.drive(&mut held, job, into);
        if used == held.len() {
            held = Vec::new();
        } else {
            held.drain(..used);
            held.shrink_to(RECORD_WIRE_BYTES_MAX);
        }
        self.held = held;
        self.is_behind &= !self.held.is_empty();
        filled
    }

    /// Drives the machine over the scratch and keeps what it cannot use yet. Says how much of
    /// `into` was filled.
    fn run(&mut self, incoming: &mut [u8], job: Job<'_>, into: &mut [u8]) -> usize {
        let (used, filled) = self.drive(incoming, job, into);
        let rest = &incoming[used..];
        if rest.is_empty() {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(rest);
            self.held.shrink_to(RECORD_WIRE_BYTES_MAX);
        }
        self.is_behind &= !rest.is_empty();
        filled
    }

    /// One drive and its consequences; says how much of `incoming` is used and of `into` filled.
    fn drive(&mut self, incoming: &mut [u8], job: Job<'_>, into: &mut [u8]) -> (usize, usize) {
        let mut hands = Hands {
            plain: Plain {
                into,
                filled: 0,
                surplus: &mut self.unread,
            },
            outbox: &mut self.outbox,
            peer_closed: &mut self.peer_closed,
            job,
        };
        let (used, halt) = match &mut self.connection {
            Connection::Server(server) if server.is_handshaking() => {
                let (driven, asked) = asked_name(|| drive(&mut **server, incoming, &mut hands));
                if asked.is_some() {
                    self.server_name = asked;
                }
                driven
            }
            Connection::Server(server) => drive(&mut **server, incoming, &mut hands),
            Connection::Client(client) => drive(&mut **client, incoming, &mut hands),
        };
        let filled = hands.plain.filled;
        self.is_behind = matches!(halt, Ok(Halt::Satisfied));
        if let Err(error) = halt {
            match &mut self.connection {
                Connection::Server(server) => last_words(&mut **server, &mut self.outbox),
                Connection::Client(client) => last_words(&mut **client, &mut self.outbox),
            }
            self.fault = Some(Box::new(Error::Tls(error)));
        }
        if self.peer_closed || self.fault.is_some() {
            // "Any data received after a closure alert has been received MUST be ignored."
            // (RFC 8446, section 6.1)
            return (incoming.len(), filled);
        }
        (used, filled)
    }
}

struct Received {
    /// New bytes; 0 at the end of the stream.
    bytes: usize,
    /// Bytes in the scratch, old and new.
    end: usize,
    /// The socket had less than was asked for.
    is_short: bool,
}

/// Sends once; 0 when the socket is full.
fn send_some(socket: &impl Socket, from: &[u8]) -> io::Result<usize> {
    loop {
        match socket.send(from) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            sent => return sent,
        }
    }
}

fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or_default(),
    }
}
