//! SHA-256, HMAC and constant-time equality; names the crypto provider, as `rt/tls` does for TLS.

use aws_lc_rs::{constant_time, digest, hmac};

pub const SHA256_BYTES: usize = 32;

pub fn sha256(data: &[u8]) -> [u8; SHA256_BYTES] {
    copied(digest::digest(&digest::SHA256, data).as_ref())
}

pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; SHA256_BYTES] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    copied(hmac::sign(&key, data).as_ref())
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0x0f)]);
    bytes
        .iter()
        .flat_map(|&byte| [digit(byte >> 4), digit(byte)])
        .collect()
}

/// Base64 with padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for index in 0..3 {
            bits = bits << 8 | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            let digit = bits >> (18 - 6 * index) & 0x3f;
            text.push(if index <= group.len() {
                char::from(ALPHABET[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// The bytes of a base64 text, with or without its padding. None for any other text.
pub fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=').as_bytes();
    if text.len() - bare.len() > 2 || bare.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(bare.len() / 4 * 3 + 2);
    for group in bare.chunks(4) {
        let mut bits = 0_u32;
        for index in 0..4 {
            let digit = match group.get(index) {
                None => 0,
                Some(digit @ b'A'..=b'Z') => digit - b'A',
                Some(digit @ b'a'..=b'z') => digit - b'a' + 26,
                Some(digit @ b'0'..=b'9') => digit - b'0' + 52,
                Some(b'+') => 62,
                Some(b'/') => 63,
                Some(_) => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let [_, first, second, third] = bits.to_be_bytes();
        bytes.extend_from_slice(&[first, second, third][..group.len() - 1]);
    }
    Some(bytes)
}

fn copied(bytes: &[u8]) -> [u8; SHA256_BYTES] {
    let mut out = [0; SHA256_BYTES];
    out.copy_from_slice(bytes);
    out
}

/// The bytes of a text in base64 (RFC 4648 section 4), with or without its padding; none if it is
/// no such text.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for index in 0..4 {
            bits = bits << 6 | group.get(index).map_or(Some(0), |digit| sextet(*digit))?;
        }
        let [_, whole @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(&whole[..group.len() - 1]);
    }
    Some(bytes)
}

fn sextet(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4 and RFC 4231 section 4.3.
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(equal(b"same", b"same") && !equal(b"same", b"some") && !equal(b"a", b"ab"));
        // RFC 4648 section 10.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
            (b"\xff\xfe", "//4="),
        ] {
            assert_eq!(base64(bytes), text);
            assert_eq!(base64_decoded(text).as_deref(), Some(bytes));
            let bare = text.trim_end_matches('=');
            assert_eq!(base64_decoded(bare).as_deref(), Some(bytes));
        }
        for wrong in ["Z", "Zm9v!", "Zg===", "Z===", "Zm 9", "Zm9\n"] {
            assert_eq!(base64_decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_comes_back_and_nothing_else_does() {
        for text in ["", "f", "fo", "foo", "foob", "\0\u{ff}x"] {
            let written = base64(text.as_bytes());
            assert_eq!(from_base64(&written).as_deref(), Some(text.as_bytes()));
            let bare = written.trim_end_matches('=');
            assert_eq!(from_base64(bare).as_deref(), Some(text.as_bytes()));
        }
        for text in ["a", "a===", "a b=", "_-_-", "ab=c"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }
}
