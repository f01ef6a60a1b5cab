//! UUIDs as text: made of given randomness, or read from a peer.

use std::fmt;

use crate::base::ascii;

/// `3f2504e0-4f89-41d3-9a0c-0305e82c3301`, in the letter case it was made or read in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uuid([u8; TEXT_BYTES]);

const TEXT_BYTES: usize = 36;
/// Where the text has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// A random UUID (RFC 9562 section 5.4, version 4) of 122 of these bits.
    pub fn of(words: [u64; 2]) -> Self {
        let high = (words[0] & !0xf000) | 0x4000;
        let low = (words[1] >> 2) | (1 << 63);
        let [first, second] = [high >> 32, high].map(|word| ascii::hex_digits(word as u32));
        let [third, last] = [low >> 32, low].map(|word| ascii::hex_digits(word as u32));
        let mut text = [b'-'; TEXT_BYTES];
        text[..8].copy_from_slice(&first);
        text[9..13].copy_from_slice(&second[..4]);
        text[14..18].copy_from_slice(&second[4..]);
        text[19..23].copy_from_slice(&third[..4]);
        text[24..28].copy_from_slice(&third[4..]);
        text[28..].copy_from_slice(&last);
        Self(text)
    }

    /// The UUID that `text` spells, of any version; none if it is something else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let whole: [u8; TEXT_BYTES] = text.try_into().ok()?;
        let fits = |(index, byte): (usize, &u8)| match HYPHENS.contains(&index) {
            true => *byte == b'-',
            false => byte.is_ascii_hexdigit(),
        };
        whole.iter().enumerate().all(fits).then_some(Self(whole))
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        // Only digits and hyphens are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_of_randomness_it_says_version_4_and_can_be_read_again() {
        let check = |words, expected: &str| {
            let uuid = Uuid::of(words);
            assert_eq!(uuid.as_str(), expected);
            assert_eq!(Uuid::parse(uuid.as_bytes()), Some(uuid));
        };
        check([0, 0], "00000000-0000-4000-8000-000000000000");
        check([u64::MAX; 2], "ffffffff-ffff-4fff-bfff-ffffffffffff");
        check(
            [0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef],
            "01234567-89ab-4def-8048-d159e26af37b",
        );
    }

    #[test]
    fn only_the_usual_shape_is_read() {
        let check = |text: &str, expected| {
            assert_eq!(Uuid::parse(text.as_bytes()).is_some(), expected, "{text}");
        };
        check("3f2504e0-4f89-11d3-9a0c-0305E82C3301", true);
        check("3f2504e04f8911d39a0c0305e82c3301", false);
        check("3f2504e0-4f89-11d3-9a0c-0305e82c330", false);
        check("3f2504e0-4f89-11d3-9a0c-0305e82c330g", false);
        check("3f2504e0-4f89-11d3-9a0c 0305e82c3301", false);
        check("", false);
    }
}
