//! Sizes and counts a peer may make us hold.

/// What one HTTP/1 message may cost before its body. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole head, from its first byte behind its blank line. More is 431 (or 414).
    pub head_bytes_max: u32,
    /// The request target. More is 414.
    pub target_bytes_max: u32,
    /// Field lines of one head. More is 431. Never more than [`Limits::FIELDS_CEILING`].
    pub fields_max: u16,
    /// The trailer section of one chunked body, without its blank line.
    pub trailer_bytes_max: u32,
    /// One line with a chunk size and its extensions, without CRLF.
    pub chunk_line_bytes_max: u32,
}

impl Limits {
    /// `fields_max` cannot pass this: field lines are tokenised into a table on the stack.
    pub const FIELDS_CEILING: usize = 256;
    /// The longest method. More is 501 (RFC 9112 section 3); the longest registered one has 17.
    pub const METHOD_BYTES_MAX: usize = 32;
    /// How many names `Connection` may nominate: each is compared with each field.
    pub const NOMINATIONS_MAX: usize = 32;
    /// The largest chunk anybody may announce.
    pub const CHUNK_BYTES_MAX: u64 = 1 << 60;
    /// How many bytes of chunk lines may come in excess of 16 a chunk and twice the payload:
    /// without this bound one-byte chunks with long extensions make us read 200 bytes for one.
    pub const CHUNK_EXCESS_BYTES_MAX: u64 = 16 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16_384,
            target_bytes_max: 10_240,
            fields_max: 100,
            trailer_bytes_max: 8_192,
            chunk_line_bytes_max: 256,
        }
    }
}
