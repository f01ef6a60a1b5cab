//! Endless bytes of which each place is known: large bodies are compared without being kept.

/// A place in the endless pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    block: Vec<u8>,
    pub at: u64,
}

/// A prime, so that no buffer size of anybody is a multiple of it.
const BLOCK_BYTES: usize = 65_521;

impl Pattern {
    pub fn new() -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let block = (0..BLOCK_BYTES).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        });
        Self {
            block: block.collect(),
            at: 0,
        }
    }

    /// The next bytes, at most `most` and at least one.
    pub fn next(&mut self, most: u64) -> &[u8] {
        let start = (self.at % BLOCK_BYTES as u64) as usize;
        let length = (BLOCK_BYTES - start).min(usize::try_from(most).unwrap_or(usize::MAX));
        self.at += length as u64;
        &self.block[start..start + length]
    }

    /// Compares the next bytes with what came.
    pub fn check(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let from = self.at;
            let expected = self.next(bytes.len() as u64);
            let (part, rest) = bytes.split_at(expected.len());
            assert!(part == expected, "bytes differ behind offset {from}");
            bytes = rest;
        }
    }
}
