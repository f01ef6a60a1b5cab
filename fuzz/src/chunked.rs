//! Chunked bodies: the same answer however the bytes are split, and the one that a plain reader
//! of whole lines gives.

use daemun::base::ascii;
use daemun::wire::h1::{Chunked, Scan};
use daemun::wire::head::Name;
use daemun::wire::{ChunkError, Limits};

use super::Target;
use super::head::LIMITS;

// The first byte says how the rest is split.
pub const TARGET: Target = Target {
    name: "chunked",
    run,
    seeds: &[
        b"\x030\r\n\r\n",
        b"\x015\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
        b"\x02A;name=value;x=\"y\"\r\n0123456789\r\n0\r\nX-A: b\r\nX-B:\r\n\r\n",
        b"\x0700005 ;a\r\nhello\r\n1\r\nx\r\n000\r\n\r\n",
        b"\x05ffffffffffffffff\r\n",
        b"\x051000000000000000\r\nabc",
        b"\x041\r\nx\r\n1\r\ny\r\n0\r\nContent-Length: 5\r\n\r\n",
    ],
    tokens: &[
        b"\r\n",
        b"0\r\n\r\n",
        b"0\r\n",
        b"1\r\nx\r\n",
        b"f;a=b\r\n",
        b" ;",
        b"\n",
        b"\r",
        b"-1",
        b"0x1",
        b"ffffffff",
        b"Host: a\r\n",
        b"X-A: b\r\n",
        b"\0",
    ],
};

pub fn run(data: &[u8]) {
    let Some((&split, bytes)) = data.split_first() else {
        return;
    };
    for limits in &LIMITS {
        let whole = follow(bytes, limits, bytes.len().max(1));
        for step in [1, 2 + usize::from(split)] {
            let parts = follow(bytes, limits, step);
            // What was handed out in front of an error may depend on the split, the rest not.
            assert_eq!(parts.0, whole.0, "in steps of {step}");
            assert_eq!(parts.1, whole.1, "in steps of {step}");
        }
        match (&whole.0, plain(bytes, limits)) {
            (Ok(Scan { used, done: true }), Some((payload, plain_used))) => {
                assert_eq!((*used, &whole.1), (plain_used, &payload));
            }
            (Ok(Scan { used, done: false }), None) => assert_eq!(*used, bytes.len()),
            (Err(error), None) => assert!(!error.to_string().is_empty()),
            (found, plain) => panic!("{found:?}, but a plain reader says {plain:?}"),
        }
    }
}

/// What comes of the bytes in steps of `step`, scanned and decoded side by side.
fn follow(bytes: &[u8], limits: &Limits, step: usize) -> (Result<Scan, ChunkError>, Vec<u8>) {
    let (mut scanning, mut decoding) = (Chunked::new(limits), Chunked::new(limits));
    let (mut payload, mut used) = (Vec::new(), 0);
    for part in bytes.chunks(step) {
        let decoded = decoding.decode(part, &mut |run| payload.extend_from_slice(run));
        assert_eq!(scanning.scan(part), decoded);
        match decoded {
            Err(error) => {
                assert_eq!(decoding.scan(b"0\r\n\r\n"), Err(error), "an error is final");
                return (Err(error), payload);
            }
            Ok(scan) => {
                used += scan.used;
                assert_eq!(decoding.payload_bytes(), payload.len() as u64);
                if scan.done {
                    let after = decoding.scan(b"more");
                    assert_eq!(
                        after,
                        Ok(Scan {
                            used: 0,
                            done: true
                        })
                    );
                    return (Ok(Scan { used, done: true }), payload);
                }
                assert_eq!(scan.used, part.len());
            }
        }
    }
    (Ok(Scan { used, done: false }), payload)
}

/// RFC 9112 section 7.1 line by line: payload and length of a body that is whole and right.
fn plain(bytes: &[u8], limits: &Limits) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut rest, mut excess) = (Vec::new(), bytes, 0_u64);
    loop {
        let (line, behind) = line(rest)?;
        if line.len() > limits.chunk_line_bytes_max as usize {
            return None;
        }
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (digits, extension) = line.split_at(digits);
        let is_clean = extension.iter().all(|byte| ascii::is_value_byte(*byte));
        let may_follow = extension.is_empty() || ascii::trim(extension).starts_with(b";");
        if digits.len() > 16 || !is_clean || !may_follow {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        excess =
            (excess + line.len() as u64).saturating_sub(size.saturating_mul(2).saturating_add(16));
        if size > Limits::CHUNK_BYTES_MAX || excess > Limits::CHUNK_EXCESS_BYTES_MAX {
            return None;
        }
        rest = behind;
        if size == 0 {
            break;
        }
        let size = size as usize;
        payload.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailer_bytes = 0;
    loop {
        let (line, behind) = line(rest)?;
        rest = behind;
        if line.is_empty() {
            return Some((payload, bytes.len() - rest.len()));
        }
        // With its CR: the last byte counted before the line is over.
        trailer_bytes += line.len() + 2;
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let is_clean =
            ascii::is_token(name) && value.iter().all(|byte| ascii::is_value_byte(*byte));
        let fits = trailer_bytes <= limits.trailer_bytes_max as usize;
        if !is_clean || !fits || Name::of(name).is_head_only() {
            return None;
        }
    }
}

/// Up to the first CRLF, and what is behind it. A line end of any other kind ends up inside of
/// the line, where nothing allows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}
