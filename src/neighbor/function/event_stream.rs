//! AWS's framing of events in one response body (`application/vnd.amazon.eventstream`).
//!
//! ```text
//! total length │ length of headers │ CRC of both │ headers │ payload │ CRC of all before
//!      4       │         4         │      4      │         │         │        4
//! ```
//!
//! A header is the length of its name (1), its name, the type 7 for a text, the length of the text
//! (2), the text. All numbers are big-endian.

use flate2::Crc;

pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Lengths and checksums.
const FRAME_BYTES: usize = 16;
const TEXT: u8 = 7;

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
    checksum(&mut out);
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    checksum(&mut out);
    out
}

/// Appends that of all before.
fn checksum(out: &mut Vec<u8>) {
    let mut crc = Crc::new();
    crc.update(out);
    out.extend_from_slice(&crc.sum().to_be_bytes());
}

#[cfg(test)]
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
        let mut crc = Crc::new();
        crc.update(&event[..105]);
        assert_eq!(event[105..], crc.sum().to_be_bytes());
    }
}
