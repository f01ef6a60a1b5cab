//! Path segments as bytes: where one ends, and what its percent-encoding means.

/// The longest decoded literal segment of a route, bytes.
pub const LITERAL_BYTES_MAX: usize = 255;

/// Where the segment that starts at `start` ends: at the next `/` or at the end of the path.
#[inline]
pub(in crate::plan) fn end(path: &[u8], start: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut rest = path.get(start..).unwrap_or_default();
    let mut at = start;
    while let Some(word) = rest.first_chunk() {
        // Bytes that are `/` become 0; the lowest zero byte is the lowest high bit left standing.
        let word = u64::from_le_bytes(*word) ^ (LOW * b'/' as u64);
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            return at + zeros.trailing_zeros() as usize / 8;
        }
        at += 8;
        rest = &rest[8..];
    }
    let tail = rest.iter().position(|byte| *byte == b'/');
    at + tail.unwrap_or(rest.len())
}

/// The text of `raw` with `%XX` decoded into `buffer`; none if it does not fit.
///
/// A `%` without two hexadecimal digits behind it stands for itself.
pub(in crate::plan) fn decode<'a>(
    raw: &[u8],
    buffer: &'a mut [u8; LITERAL_BYTES_MAX],
) -> Option<&'a [u8]> {
    let mut written = 0;
    let mut rest = raw;
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, next) = match behind {
            [high, low, next @ ..] if first == b'%' => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, next),
                _ => (first, behind),
            },
            _ => (first, behind),
        };
        *buffer.get_mut(written)? = byte;
        written += 1;
        rest = next;
    }
    buffer.get(..written)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_ends_at_the_first_slash_wherever_it_lies() {
        for length in 0..40 {
            for start in 0..=length {
                let mut path = vec![b'a'; length];
                assert_eq!(end(&path, start), length);
                for slash in start..length {
                    path[slash] = b'/';
                    assert_eq!(end(&path, start), slash, "{length} {start} {slash}");
                    path[slash] = 0xaf;
                    assert_eq!(end(&path, start), length);
                    path[slash] = b'.';
                }
            }
        }
    }

    #[test]
    fn encoded_text_is_decoded_and_broken_encoding_stands_for_itself() {
        let check = |raw: &str, expected: Option<&[u8]>| {
            let mut buffer = [0; LITERAL_BYTES_MAX];
            assert_eq!(decode(raw.as_bytes(), &mut buffer), expected, "{raw}");
        };
        check("pets", Some(b"pets"));
        check("p%65ts", Some(b"pets"));
        check("%70%65%74%73", Some(b"pets"));
        check("a%2Fb%2f", Some(b"a/b/"));
        check("%", Some(b"%"));
        check("%6", Some(b"%6"));
        check("%zz%41", Some(b"%zzA"));
        check("%%41", Some(b"%A"));
        check(&"x".repeat(255), Some("x".repeat(255).as_bytes()));
        check(&"x".repeat(256), None);
    }
}
