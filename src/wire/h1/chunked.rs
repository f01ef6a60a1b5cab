//! The chunked transfer coding: scanned in place or decoded, however the bytes are split.

use crate::base::ascii;
use crate::wire::error::ChunkError;
use crate::wire::head::Name;
use crate::wire::limits::Limits;

/// How far one step got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Bytes of the input that belong to this body. Less than all of it only when `done`.
    pub used: usize,
    /// The body has ended; what follows is the next message.
    pub done: bool,
}

/// Follows one chunked body (RFC 9112 section 7.1) over any split of its bytes, in constant
/// memory. An error is final: each later call gives it again.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    line_bytes_max: u32,
    trailer_bytes_max: u32,
    /// Bytes of the chunk line, or of all trailer lines, so far.
    line_bytes: u32,
    payload_bytes: u64,
    /// How far chunk lines outgrew what their payloads excuse.
    excess_bytes: u64,
    /// The trailer name so far, in lower case, as far as it could be a known one.
    name: [u8; NAME_BYTES],
    name_bytes: usize,
}

/// ```text
///        ┌──────────────────────── DataLf ◀─ DataCr ◀─ Data ◀┐
///        ▼                                                   │ size > 0
///  Start ─▶ Size ─▶ Space ─▶ Extension ─────────▶ SizeLf ────┤
///              └───────────────────────────────────▲         │ size = 0
///                                                            ▼
///  Done ◀─ EndLf ◀───────────────────────────────── TrailerStart ◀──┐
///                                                       ▼           │
///                                      TrailerName ─▶ TrailerValue ─▶ TrailerLf
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A chunk line begins.
    Start,
    Size {
        size: u64,
        digits: u8,
    },
    /// White space behind the size, which only an extension may follow.
    Space {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
    Failed(ChunkError),
}

impl Chunked {
    /// Waits for the first byte of a body.
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Start,
            // One below the type's end, so that counting to one too many cannot overflow.
            line_bytes_max: limits.chunk_line_bytes_max.min(u32::MAX - 1),
            trailer_bytes_max: limits.trailer_bytes_max.min(u32::MAX - 1),
            line_bytes: 0,
            payload_bytes: 0,
            excess_bytes: 0,
            name: [0; NAME_BYTES],
            name_bytes: 0,
        }
    }

    /// Counts the bytes that belong to this body, so that they can be forwarded as they are.
    /// Nothing of `bytes` may be forwarded on an error.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Scan, ChunkError> {
        self.decode(bytes, &mut |_| ())
    }

    /// Like [`Chunked::scan`], and hands each run of payload to `sink`, in order. Payload in
    /// front of an error has been handed out by then.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<Scan, ChunkError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        let mut used = 0;
        while used < bytes.len() {
            match self.state {
                State::Data { left } => {
                    let rest = &bytes[used..];
                    let run = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    sink(&rest[..run]);
                    used += run;
                    self.payload_bytes = self.payload_bytes.saturating_add(run as u64);
                    self.state = match left - run as u64 {
                        0 => State::DataCr,
                        left => State::Data { left },
                    };
                }
                State::Done => break,
                state => {
                    self.state = self.step(state, bytes[used]).inspect_err(|&error| {
                        self.state = State::Failed(error);
                    })?;
                    used += 1;
                }
            }
        }
        Ok(Scan {
            used,
            done: self.state == State::Done,
        })
    }

    /// Payload bytes so far.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Takes one byte outside of payload.
    fn step(&mut self, state: State, byte: u8) -> Result<State, ChunkError> {
        match state {
            State::Start => {
                self.line_bytes = 0;
                self.size(0, 0, byte)
            }
            State::Size { size, digits } => self.size(size, digits, byte),
            State::Space { size } => {
                self.count_line_byte()?;
                match byte {
                    b';' => Ok(State::Extension { size }),
                    b' ' | b'\t' => Ok(State::Space { size }),
                    _ => Err(ChunkError::Extension),
                }
            }
            State::Extension { .. } if ascii::is_value_byte(byte) => {
                self.count_line_byte()?;
                Ok(state)
            }
            State::Extension { size } if byte == b'\r' => Ok(State::SizeLf { size }),
            State::Extension { .. } => Err(ChunkError::Extension),
            State::SizeLf { size } => {
                expect(byte, b'\n', ChunkError::LineEnd)?;
                self.begin_chunk(size)
            }
            State::DataCr => expect(byte, b'\r', ChunkError::DataEnd).map(|()| State::DataLf),
            State::DataLf => expect(byte, b'\n', ChunkError::DataEnd).map(|()| State::Start),
            State::EndLf => expect(byte, b'\n', ChunkError::LineEnd).map(|()| State::Done),
            _ => self.trailer(state, byte),
        }
    }

    /// A byte of a chunk size or the first behind it.
    #[inline]
    fn size(&mut self, size: u64, digits: u8, byte: u8) -> Result<State, ChunkError> {
        match (ascii::hex_value(byte), byte) {
            (Some(_), _) if digits == SIZE_DIGITS_MAX => Err(ChunkError::SizeTooLarge),
            (Some(digit), _) => {
                self.count_line_byte()?;
                Ok(State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                })
            }
            (None, _) if digits == 0 => Err(ChunkError::Size),
            (None, _) if size > Limits::CHUNK_BYTES_MAX => Err(ChunkError::SizeTooLarge),
            (None, b'\r') => Ok(State::SizeLf { size }),
            (None, b';') => {
                self.count_line_byte()?;
                Ok(State::Extension { size })
            }
            (None, b' ' | b'\t') => {
                self.count_line_byte()?;
                Ok(State::Space { size })
            }
            (None, b'\n') => Err(ChunkError::LineEnd),
            _ => Err(ChunkError::Size),
        }
    }

    /// A chunk line has ended.
    fn begin_chunk(&mut self, size: u64) -> Result<State, ChunkError> {
        let excused = size.saturating_mul(2).saturating_add(16);
        self.excess_bytes =
            (self.excess_bytes + u64::from(self.line_bytes)).saturating_sub(excused);
        if self.excess_bytes > Limits::CHUNK_EXCESS_BYTES_MAX {
            return Err(ChunkError::TooMuchOverhead);
        }
        self.line_bytes = 0;
        Ok(match size {
            0 => State::TrailerStart,
            left => State::Data { left },
        })
    }

    /// A byte of the trailer section.
    fn trailer(&mut self, state: State, byte: u8) -> Result<State, ChunkError> {
        if state == State::TrailerStart && byte == b'\r' {
            return Ok(State::EndLf);
        }
        self.line_bytes += 1;
        if self.line_bytes > self.trailer_bytes_max {
            return Err(ChunkError::TrailersTooLarge);
        }
        match (state, byte) {
            (State::TrailerStart, _) => {
                self.name_bytes = 0;
                self.trailer_name(byte)
            }
            (State::TrailerName, b':') => {
                let name = self.name.get(..self.name_bytes).unwrap_or_default();
                if Name::of(name).is_head_only() {
                    return Err(ChunkError::TrailerForbidden);
                }
                Ok(State::TrailerValue)
            }
            (State::TrailerName, _) => self.trailer_name(byte),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if ascii::is_value_byte(byte) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::TrailerLf, _) => Err(ChunkError::LineEnd),
            _ => Err(ChunkError::Trailer),
        }
    }

    fn trailer_name(&mut self, byte: u8) -> Result<State, ChunkError> {
        if !ascii::is_token_byte(byte) {
            return Err(ChunkError::Trailer);
        }
        if let Some(slot) = self.name.get_mut(self.name_bytes) {
            *slot = byte;
        }
        // One more than fits marks a name too long to be a known one.
        self.name_bytes = (self.name_bytes + 1).min(NAME_BYTES + 1);
        Ok(State::TrailerName)
    }

    #[inline]
    fn count_line_byte(&mut self) -> Result<(), ChunkError> {
        self.line_bytes += 1;
        if self.line_bytes > self.line_bytes_max {
            return Err(ChunkError::LineTooLong);
        }
        Ok(())
    }
}

#[inline]
fn expect(byte: u8, expected: u8, error: ChunkError) -> Result<(), ChunkError> {
    if byte == expected { Ok(()) } else { Err(error) }
}

const NAME_BYTES: usize = Name::TEXT_BYTES_MAX;
/// 64 bits. Leading zeros count, or they could go on for ever.
const SIZE_DIGITS_MAX: u8 = 16;
