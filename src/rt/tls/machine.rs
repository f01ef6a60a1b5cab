//! Turns of the TLS state machine: ciphertext in, plaintext and records out, no socket in sight.
//!
//! ```text
//!            ┌────────────────────────── drive ──────────────────────────┐
//! incoming ─▶│ ReadTraffic      → hands.plain                            │
//!            │ EncodeTlsData    → hands.outbox   (handshake, alerts, …)  │
//!            │ TransmitTlsData  → (the outbox is sent by the session)    │
//!            │ PeerClosed       → hands.peer_closed                      │
//!            │ WriteTraffic     → hands.job: seal plaintext, say goodbye │─▶ Halt
//!            └───────────────────────────────────────────────────────────┘
//! ```

use std::io::IoSlice;

use rustls::CommonState;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use crate::rt::tls::backlog::Backlog;

/// The most plaintext one record carries (RFC 8446, section 5.1).
pub(super) const RECORD_PLAIN_BYTES_MAX: usize = 1 << 14;
/// The most bytes one record takes on the wire, header included (RFC 5246, section 6.2.3).
pub(super) const RECORD_WIRE_BYTES_MAX: usize = RECORD_PLAIN_BYTES_MAX + 2048 + 5;
/// Space a full record of ours needs: header, nonce and tag (29 bytes at most in the suites we
/// have) and a key update that may go before it.
const RECORD_ROOM_BYTES: usize = RECORD_PLAIN_BYTES_MAX + 512;

/// A server's or a client's connection.
pub(super) trait Machine {
    type Data;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data>;

    fn common(&self) -> &CommonState;
}

impl Machine for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Machine for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

/// What a drive works with.
pub(super) struct Hands<'a> {
    pub(super) plain: Plain<'a>,
    /// Records to send that carry no data of ours, in order.
    pub(super) outbox: &'a mut Backlog,
    pub(super) peer_closed: &'a mut bool,
    pub(super) job: Job<'a>,
}

/// What a drive is for: when it ends and what it does once data may be sent.
pub(super) enum Job<'a> {
    /// Finish the handshake; data that arrived behind it stays encrypted.
    Handshake,
    /// Fill `plain`.
    Read,
    /// Seal plaintext.
    Write(Seal<'a>),
    /// Queue a close_notify. The slice is a place to build it in.
    Close(&'a mut [u8]),
}

/// Where decrypted data goes: `into` while there is room, then `surplus`.
pub(super) struct Plain<'a> {
    pub(super) into: &'a mut [u8],
    pub(super) filled: usize,
    pub(super) surplus: &'a mut Backlog,
}

impl Plain<'_> {
    pub(super) fn is_full(&self) -> bool {
        self.filled == self.into.len()
    }

    fn take(&mut self, payload: &[u8]) {
        let room = &mut self.into[self.filled..];
        let now = room.len().min(payload.len());
        room[..now].copy_from_slice(&payload[..now]);
        self.filled += now;
        self.surplus.push(&payload[now..]);
    }
}

/// Plaintext to be sealed into records.
pub(super) struct Seal<'a> {
    pub(super) parts: &'a [IoSlice<'a>],
    /// Where a record that spans several parts is put together: `RECORD_PLAIN_BYTES_MAX` bytes.
    pub(super) gather: &'a mut [u8],
    pub(super) outgoing: &'a mut [u8],
    /// Plaintext bytes sealed so far.
    pub(super) taken: &'a mut usize,
    /// Ciphertext bytes in `outgoing`.
    pub(super) written: &'a mut usize,
}

/// Why a drive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// Every complete record was used; more needs more bytes of the peer.
    Drained,
    /// The job is done; complete records may be left.
    Satisfied,
}

/// Runs `machine` over `incoming` until the job is done or the records are used up.
///
/// Also says how many bytes at the front of `incoming` are used and must not be shown again.
/// After an error only `last_words` may still be called.
pub(super) fn drive<M: Machine>(
    machine: &mut M,
    incoming: &mut [u8],
    hands: &mut Hands<'_>,
) -> (usize, Result<Halt, rustls::Error>) {
    let mut used = 0;
    loop {
        if is_satisfied(machine.common(), hands) {
            return (used, Ok(Halt::Satisfied));
        }
        let UnbufferedStatus {
            mut discard, state, ..
        } = machine.process(&mut incoming[used..]);
        let halt = match state {
            Ok(state) => turn(state, &mut discard, hands),
            Err(error) => Err(error),
        };
        // "discard bytes must be removed from the front" before the next turn, on errors too.
        used = (used + discard).min(incoming.len());
        match halt {
            Ok(None) => {}
            Ok(Some(halt)) => return (used, Ok(halt)),
            Err(error) => return (used, Err(error)),
        }
    }
}

/// Whether the job is done without another turn.
fn is_satisfied(common: &CommonState, hands: &Hands<'_>) -> bool {
    match &hands.job {
        Job::Handshake => !common.is_handshaking() && !common.wants_write(),
        Job::Read => hands.plain.is_full(),
        Job::Write(_) | Job::Close(_) => false,
    }
}

/// Handles one state; `Some` ends the drive.
fn turn<D>(
    state: ConnectionState<'_, '_, D>,
    discard: &mut usize,
    hands: &mut Hands<'_>,
) -> Result<Option<Halt>, rustls::Error> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                *discard += record.discard;
                hands.plain.take(record.payload);
            }
            Ok(None)
        }
        ConnectionState::EncodeTlsData(record) => encode(record, hands.outbox).map(|()| None),
        ConnectionState::TransmitTlsData(transmit) => {
            // The outbox keeps the order, so the machine may believe it sent already.
            transmit.done();
            Ok(None)
        }
        ConnectionState::PeerClosed => {
            *hands.peer_closed = true;
            Ok(None)
        }
        ConnectionState::WriteTraffic(traffic) => write_traffic(traffic, hands),
        ConnectionState::Closed | ConnectionState::BlockedHandshake => Ok(Some(Halt::Drained)),
        // Early data is never offered and never accepted; any other state is one this version
        // of rustls does not have.
        _ => Err(rustls::Error::General("unexpected TLS state".to_owned())),
    }
}

fn write_traffic<D>(
    mut traffic: WriteTraffic<'_, D>,
    hands: &mut Hands<'_>,
) -> Result<Option<Halt>, rustls::Error> {
    match &mut hands.job {
        Job::Handshake | Job::Read => Ok(Some(Halt::Drained)),
        Job::Write(seal) => match seal_records(&mut traffic, seal) {
            Ok(()) => Ok(Some(Halt::Drained)),
            Err(error) => Err(rustls::Error::General(error.to_string())),
        },
        Job::Close(place) => match traffic.queue_close_notify(place) {
            Ok(length) => {
                hands.outbox.push(&place[..length]);
                Ok(Some(Halt::Drained))
            }
            Err(error) => Err(rustls::Error::General(error.to_string())),
        },
    }
}

fn encode<D>(mut record: EncodeTlsData<'_, D>, outbox: &mut Backlog) -> Result<(), rustls::Error> {
    // An empty buffer is the way to ask for the size.
    let length = match record.encode(&mut []) {
        Err(EncodeError::InsufficientSize(needed)) => needed.required_size,
        Ok(_) | Err(EncodeError::AlreadyEncoded) => return Ok(()),
    };
    match record.encode(outbox.extend(length)) {
        Ok(_) => Ok(()),
        Err(error) => Err(rustls::Error::General(error.to_string())),
    }
}

/// Seals records until the plaintext or the room in `outgoing` is used up.
fn seal_records<D>(
    traffic: &mut WriteTraffic<'_, D>,
    seal: &mut Seal<'_>,
) -> Result<(), EncryptError> {
    let (mut part, mut offset) = (0, 0);
    while seal.outgoing.len() - *seal.written >= RECORD_ROOM_BYTES {
        while part < seal.parts.len() && offset == seal.parts[part].len() {
            (part, offset) = (part + 1, 0);
        }
        let Some(first) = seal.parts.get(part).map(|first| &first[offset..]) else {
            break;
        };
        let is_last = seal.parts[part + 1..].iter().all(|next| next.is_empty());
        let plain = if first.len() >= RECORD_PLAIN_BYTES_MAX || is_last {
            let length = first.len().min(RECORD_PLAIN_BYTES_MAX);
            offset += length;
            &first[..length]
        } else {
            // One full record of many small parts is cheaper for both ends than many records.
            let length = gather(seal.parts, &mut part, &mut offset, seal.gather);
            &seal.gather[..length]
        };
        *seal.written += traffic.encrypt(plain, &mut seal.outgoing[*seal.written..])?;
        *seal.taken += plain.len();
    }
    Ok(())
}

/// Copies bytes of `parts` from the place (`part`, `offset`) on into `into`, moves the place
/// behind them and says how many.
fn gather(parts: &[IoSlice<'_>], part: &mut usize, offset: &mut usize, into: &mut [u8]) -> usize {
    let mut length = 0;
    while length < into.len() && *part < parts.len() {
        let rest = &parts[*part][*offset..];
        let now = rest.len().min(into.len() - length);
        into[length..length + now].copy_from_slice(&rest[..now]);
        length += now;
        *offset += now;
        if now == rest.len() {
            (*part, *offset) = (*part + 1, 0);
        }
    }
    length
}

/// Moves the alert that explains an error into `outbox`.
///
/// Records are not looked at again: the machine is only asked while it has something to say,
/// which it gives before it reads.
pub(super) fn last_words<M: Machine>(machine: &mut M, outbox: &mut Backlog) {
    while machine.common().wants_write() {
        let UnbufferedStatus { state, .. } = machine.process(&mut []);
        let said = match state {
            Ok(ConnectionState::EncodeTlsData(record)) => encode(record, outbox).is_ok(),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => traffic.next_record().is_some(),
            _ => false,
        };
        if !said {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathering_crosses_parts_and_remembers_its_place() {
        let parts = [b"ab".as_slice(), b"", b"cde", b"f"].map(IoSlice::new);
        let (mut part, mut offset) = (0, 1);
        let mut into = [0; 3];
        assert_eq!(gather(&parts, &mut part, &mut offset, &mut into), 3);
        assert_eq!((&into, part, offset), (b"bcd", 2, 2));
        assert_eq!(gather(&parts, &mut part, &mut offset, &mut into), 2);
        assert_eq!(&into[..2], b"ef");
        assert_eq!(gather(&parts, &mut part, &mut offset, &mut into), 0);
    }
}
