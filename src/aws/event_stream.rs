//! AWS's framing of events in one body (`application/vnd.amazon.eventstream`), written and read.
//!
//! ```text
//! total length │ length of headers │ CRC of both │ headers │ payload │ CRC of all before
//!      4       │         4         │      4      │         │         │        4
//! ```
//!
//! A header is the length of its name (1), its name, a type (1), and a value as its type says; the
//! type 7 is a text: its length (2), the text. All numbers are big-endian.

use flate2::Crc;

pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Lengths and checksums.
const FRAME_BYTES: usize = 16;
/// Lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
const TEXT: u8 = 7;
/// AWS: 128 KB.
const HEADER_BYTES_MAX: usize = 128 << 10;
/// A function's whole answer of 6 MB may come as one event.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// One event. A payload is much smaller than the 4 GiB that could not be said.
pub fn event(kind: &str, content_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::with_capacity(128);
    for (name, value) in [
        (":event-type", kind),
        (":content-type", content_type),
        (":message-type", "event"),
    ] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(TEXT);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = FRAME_BYTES + headers.len() + payload.len();
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(&(total as u32).to_be_bytes());
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    out
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `PayloadChunk`, or the name of the exception or error.
    pub kind: String,
    /// The service says that something went wrong, in the place of an event.
    pub is_error: bool,
    pub payload: Vec<u8>,
}

/// Bytes that are no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("an event has a length that none can have")]
    Length,
    #[error("an event of {0} bytes is too large")]
    TooLarge(usize),
    #[error("the checksum of an event is wrong")]
    Checksum,
    #[error("the headers of an event cannot be read")]
    Headers,
}

/// Events out of bytes that come in pieces. Holds one event at most, and what came behind it.
#[derive(Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
    /// How much of it has been given out.
    taken: usize,
}

impl Decoder {
    /// More has come. To be called once `take` has no more events to give.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.taken);
        self.taken = 0;
        self.held.extend_from_slice(bytes);
    }

    /// No event has begun.
    pub fn is_empty(&self) -> bool {
        self.taken == self.held.len()
    }

    /// The next whole event; none: more has to come.
    ///
    /// # Errors
    /// There is no way to find the next event.
    pub fn take(&mut self) -> Result<Option<Event>, Malformed> {
        let rest = &self.held[self.taken..];
        let Some((prelude, _)) = rest.split_at_checked(PRELUDE_BYTES) else {
            return Ok(None);
        };
        let (Some(total), Some(headers)) = (number(prelude), number(&prelude[4..])) else {
            return Ok(None);
        };
        if checksum(&prelude[..8]) != prelude[8..] {
            return Err(Malformed::Checksum);
        }
        if headers > HEADER_BYTES_MAX || total < FRAME_BYTES + headers {
            return Err(Malformed::Length);
        }
        if total > EVENT_BYTES_MAX {
            return Err(Malformed::TooLarge(total));
        }
        let Some((event, _)) = rest.split_at_checked(total) else {
            return Ok(None);
        };
        let (body, sum) = event.split_at(total - 4);
        if checksum(body) != sum {
            return Err(Malformed::Checksum);
        }
        let (headers, payload) = body[PRELUDE_BYTES..].split_at(headers);
        let (kind, is_error) = kind(headers).ok_or(Malformed::Headers)?;
        self.taken += total;
        Ok(Some(Event {
            kind,
            is_error,
            payload: payload.to_vec(),
        }))
    }
}

fn number(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

/// What the headers say of an event: its kind, and whether it is an error.
fn kind(mut rest: &[u8]) -> Option<(String, bool)> {
    let (mut kind, mut is_error) = (None, false);
    while let Some((length, behind)) = rest.split_first() {
        let (name, behind) = behind.split_at_checked(usize::from(*length))?;
        let (tag, behind) = behind.split_first()?;
        let (length, behind) = match tag {
            // True and false have no value.
            0 | 1 => (0, behind),
            2 => (1, behind),
            3 => (2, behind),
            4 => (4, behind),
            // A long number, a moment.
            5 | 8 => (8, behind),
            // Bytes, a text.
            6 | 7 => {
                let (length, behind) = behind.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), behind)
            }
            // A UUID.
            9 => (16, behind),
            _ => return None,
        };
        let (value, behind) = behind.split_at_checked(length)?;
        rest = behind;
        if *tag != TEXT {
            continue;
        }
        match name {
            b":event-type" | b":exception-type" | b":error-code" => {
                kind = Some(String::from_utf8_lossy(value).into_owned());
            }
            b":message-type" => is_error = value != b"event",
            _ => {}
        }
    }
    Some((kind?, is_error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_framed_as_the_clients_of_aws_read_it() {
        let event = event("PayloadChunk", "application/octet-stream", b"abc");
        assert_eq!(&event[..8], &[0, 0, 0, 109, 0, 0, 0, 90]);
        assert_eq!(event.len(), 109);
        assert_eq!(&event[12..25], b"\x0b:event-type\x07");
        assert_eq!(&event[25..39], b"\x00\x0cPayloadChunk");
        assert_eq!(&event[102..105], b"abc");
        assert_eq!(event[105..], checksum(&event[..105]));
    }

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Event>, Malformed> {
        let (mut decoder, mut found) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            decoder.push(piece);
            while let Some(event) = decoder.take()? {
                found.push(event);
            }
        }
        assert_eq!(decoder.is_empty(), found.len() == 2, "{found:?}");
        Ok(found)
    }

    #[test]
    fn events_are_read_however_they_come() {
        let mut bytes = event("PayloadChunk", "application/octet-stream", &[7; 5_000]);
        bytes.extend(event("InvokeComplete", "application/json", b"{}"));
        for piece in [1, 7, 11, 12, 13, 5_000, 100_000] {
            let found = read(&bytes, piece).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(
                (&*found[0].kind, found[0].is_error),
                ("PayloadChunk", false)
            );
            assert_eq!(found[0].payload, [7; 5_000]);
            let last = (&*found[1].kind, &*found[1].payload);
            assert_eq!(last, ("InvokeComplete", &b"{}"[..]));
        }
        assert_eq!(read(&bytes[..5_000], 100).unwrap(), []);
    }

    #[test]
    fn other_types_of_headers_are_skipped_and_errors_are_known() {
        let mut headers = Vec::new();
        for (tag, value) in [
            (0, &b""[..]),
            (1, b""),
            (2, b"a"),
            (3, b"ab"),
            (4, b"abcd"),
            (5, b"abcdefgh"),
            (6, b"\x00\x01x"),
            (8, b"abcdefgh"),
            (9, b"0123456789abcdef"),
        ] {
            headers.extend_from_slice(b"\x01x");
            headers.push(tag);
            headers.extend_from_slice(value);
        }
        headers.extend_from_slice(b"\x0d:message-type\x07\x00\x09exception");
        headers.extend_from_slice(b"\x0f:exception-type\x07\x00\x01E");
        assert_eq!(kind(&headers), Some(("E".to_owned(), true)));
        for end in 1..headers.len() {
            // Cut anywhere it is unreadable or has no kind; never more.
            assert_eq!(kind(&headers[..end]), None, "{end}");
        }
        assert_eq!(kind(b"\x01x\x0a"), None);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let good = event("PayloadChunk", "a/b", b"abc");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(read(&bad, 1_000), Err(Malformed::Checksum), "{at}");
        }
        let check = |total: u32, headers: u32, expected| {
            let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            let sum = checksum(&bytes);
            bytes.extend_from_slice(&sum);
            assert_eq!(read(&bytes, 100), Err(expected));
        };
        check(15, 0, Malformed::Length);
        check(20, 5, Malformed::Length);
        check(u32::MAX, u32::MAX, Malformed::Length);
        check(1 << 30, 0, Malformed::TooLarge(1 << 30));
    }
}
