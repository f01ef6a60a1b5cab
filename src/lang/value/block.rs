//! Sixteen bytes at a time: which of them a reader of JSON looks for.

pub use crate::base::block::{BLOCK, Marks};

/// The sixteen bytes from a place on, if there are as many.
#[inline(always)]
pub fn block(bytes: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    bytes.get(at..)?.first_chunk()
}

/// Where this quote or a backslash is, and where the quote is.
#[inline(always)]
pub fn quotes(block: &[u8; BLOCK], quote: u8) -> (Marks, Marks) {
    #[cfg(target_feature = "sse2")]
    // SAFETY: what this is compiled for has SSE2.
    return unsafe { wide::quotes(block, quote) };
    #[cfg(not(target_feature = "sse2"))]
    plain::quotes(block, quote)
}

/// Where a double quote, a backslash or a control character is.
#[inline(always)]
pub fn specials(block: &[u8; BLOCK]) -> Marks {
    #[cfg(target_feature = "sse2")]
    // SAFETY: what this is compiled for has SSE2.
    return unsafe { wide::specials(block) };
    #[cfg(not(target_feature = "sse2"))]
    plain::specials(block)
}

/// Where a digit is, and where a point is.
#[inline(always)]
pub fn digits_and_points(block: &[u8; BLOCK]) -> (Marks, Marks) {
    #[cfg(target_feature = "sse2")]
    // SAFETY: what this is compiled for has SSE2.
    return unsafe { wide::digits_and_points(block) };
    #[cfg(not(target_feature = "sse2"))]
    plain::digits_and_points(block)
}

/// Whether the bytes of four blocks are all ASCII.
#[inline(always)]
pub fn is_ascii_four(blocks: &[u8; 4 * BLOCK]) -> bool {
    #[cfg(target_feature = "sse2")]
    // SAFETY: what this is compiled for has SSE2.
    return unsafe { wide::is_ascii_four(blocks) };
    #[cfg(not(target_feature = "sse2"))]
    blocks.is_ascii()
}

/// Where both have the same byte.
#[inline(always)]
pub fn same(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> Marks {
    #[cfg(target_feature = "sse2")]
    // SAFETY: what this is compiled for has SSE2.
    return unsafe { wide::same(left, right) };
    #[cfg(not(target_feature = "sse2"))]
    plain::same(left, right)
}

/// With SSE2, which every x86-64 has: reading a body takes a seventh less instructions than with words of
/// eight bytes.
#[cfg(target_feature = "sse2")]
mod wide {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8,
    };

    use super::{BLOCK, Marks};
    use crate::base::block::wide::{load, marks};

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn quotes(block: &[u8; BLOCK], quote: u8) -> (Marks, Marks) {
        let block = load(block);
        let quotes = _mm_cmpeq_epi8(block, _mm_set1_epi8(quote.cast_signed()));
        let backslashes = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'\\'.cast_signed()));
        (marks(_mm_or_si128(quotes, backslashes)), marks(quotes))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn specials(block: &[u8; BLOCK]) -> Marks {
        let loaded = load(block);
        let low = _mm_min_epu8(loaded, _mm_set1_epi8(0x1f));
        quotes(block, b'"').0 | marks(_mm_cmpeq_epi8(low, loaded))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn digits_and_points(block: &[u8; BLOCK]) -> (Marks, Marks) {
        let block = load(block);
        let points = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'.'.cast_signed()));
        let values = _mm_sub_epi8(block, _mm_set1_epi8(b'0'.cast_signed()));
        let low = _mm_min_epu8(values, _mm_set1_epi8(9));
        (marks(_mm_cmpeq_epi8(low, values)), marks(points))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn is_ascii_four(blocks: &[u8; 4 * BLOCK]) -> bool {
        let (blocks, _) = blocks.as_chunks();
        let mut all = _mm_set1_epi8(0);
        for block in blocks {
            all = _mm_or_si128(all, load(block));
        }
        marks(all) == 0
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn same(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> Marks {
        marks(_mm_cmpeq_epi8(load(left), load(right)))
    }
}

/// The same, byte by byte.
#[cfg(any(test, not(target_feature = "sse2")))]
mod plain {
    use super::{BLOCK, Marks};
    use crate::base::block::gathered as marks;

    pub fn quotes(block: &[u8; BLOCK], quote: u8) -> (Marks, Marks) {
        let quotes = marks(|at| block[at] == quote);
        (quotes | marks(|at| block[at] == b'\\'), quotes)
    }

    pub fn specials(block: &[u8; BLOCK]) -> Marks {
        marks(|at| matches!(block[at], b'"' | b'\\' | 0..0x20))
    }

    pub fn digits_and_points(block: &[u8; BLOCK]) -> (Marks, Marks) {
        let digits = marks(|at| block[at].is_ascii_digit());
        (digits, marks(|at| block[at] == b'.'))
    }

    pub fn same(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> Marks {
        marks(|at| left[at] == right[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place, beside bytes that differ from a mark by one bit.
    #[test]
    fn both_ways_find_the_same() {
        let beside = [
            b'#',
            b'!',
            b']',
            b'\\' ^ 0x80,
            b'"' ^ 0x80,
            0x20,
            0xff,
            b'"',
        ];
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                for other in beside {
                    let mut block = [other; BLOCK];
                    block[place] = byte;
                    for quote in [b'"', b'\''] {
                        assert_eq!(quotes(&block, quote), plain::quotes(&block, quote));
                    }
                    assert_eq!(specials(&block), plain::specials(&block));
                    assert_eq!(digits_and_points(&block), plain::digits_and_points(&block));
                    let all = [byte; BLOCK];
                    assert_eq!(same(&block, &all), plain::same(&block, &all));
                }
            }
        }
    }

    #[test]
    fn a_block_is_whole() {
        let bytes = [7; BLOCK + 1];
        assert_eq!(block(&bytes, 1), Some(&[7; BLOCK]));
        for at in [2, BLOCK, BLOCK + 1, BLOCK + 2, usize::MAX] {
            assert!(block(&bytes, at).is_none());
        }
    }
}
