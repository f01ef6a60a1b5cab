//! Sixteen bytes at a time, and a bit for each that is looked for.

/// Bytes of a block.
pub const BLOCK: usize = 16;

/// A bit for each byte of a block, the first one's lowest.
pub type Marks = u32;

/// With SSE2, which every x86-64 has.
#[cfg(target_feature = "sse2")]
pub mod wide {
    use std::arch::x86_64::{__m128i, _mm_movemask_epi8, _mm_set_epi64x};

    use super::{BLOCK, Marks};

    /// One load, once it is compiled.
    ///
    /// # Safety
    /// For processors with SSE2.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn load(block: &[u8; BLOCK]) -> __m128i {
        let both = u128::from_le_bytes(*block);
        _mm_set_epi64x((both >> 64) as i64, both as i64)
    }

    /// Where a comparison has found what it looked for.
    ///
    /// # Safety
    /// For processors with SSE2.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn marks(found: __m128i) -> Marks {
        _mm_movemask_epi8(found).cast_unsigned()
    }
}

/// The same, byte by byte.
#[cfg(any(test, not(target_feature = "sse2")))]
#[inline]
pub fn gathered(mut is_found: impl FnMut(usize) -> bool) -> Marks {
    (0..BLOCK).fold(0, |marks, at| marks | Marks::from(is_found(at)) << at)
}
