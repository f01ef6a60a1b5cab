//! Bodies that are read before it is proven that anybody known has signed them: a core holds only so
//! many bytes of these.

use std::cell::Cell;

use crate::aws::sigv4::{Claimed, Refusal};
use crate::gateway::Worker;
use crate::gateway::auth::asked::{fields, signed};
use crate::net::Exchange;
use crate::wire::head::Body;

/// Of a core.
const HELD_BYTES_MAX: u64 = 64 << 20;
/// What a body may have without being counted: little more than its head.
const FREE_BYTES_MAX: u64 = 64 << 10;

/// What a core holds of them.
#[derive(Debug, Default)]
pub struct Unproven(Cell<u64>);

/// Room for one body, until this is dropped.
#[derive(Debug)]
pub struct Room<'u> {
    all: &'u Unproven,
    bytes: u64,
}

impl Unproven {
    /// None: there is none.
    fn room(&self, bytes: u64) -> Option<Room<'_>> {
        let bytes = if bytes <= FREE_BYTES_MAX { 0 } else { bytes };
        let held = self.0.get() + bytes;
        if bytes > 0 && held > HELD_BYTES_MAX {
            return None;
        }
        self.0.set(held);
        Some(Room { all: self, bytes })
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.all.0.set(self.all.0.get() - self.bytes);
    }
}

/// Why a body is not read.
#[derive(Debug)]
pub enum Unread {
    Refused(Refusal),
    /// Too many others are.
    Full,
}

/// Whether the body of a request may be read to prove who signed it. Where the client names the hash
/// that it has signed, the signature is proven before, and the body takes no room.
///
/// # Errors
/// It may not.
pub fn before_body(
    worker: &'static Worker,
    exchange: &Exchange<'_>,
    claimed: &Claimed<'_>,
    bytes_max: u64,
) -> Result<Room<'static>, Unread> {
    let length = match exchange.head().body {
        Body::None => 0,
        Body::Length(length) => length.min(bytes_max),
        Body::Chunked | Body::UntilClose => bytes_max,
    };
    let fields = fields(exchange);
    let named = match length {
        0 => None,
        _ => claimed.prove_named(&signed(exchange, &fields)),
    };
    let bytes = match named {
        Some(Ok(())) => 0,
        Some(Err(refusal)) => return Err(Unread::Refused(refusal)),
        None => length,
    };
    worker.unproven.room(bytes).ok_or(Unread::Full)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_bytes_and_small_bodies_need_none() {
        let all = Unproven::default();
        let large = 10 << 20;
        let mut rooms: Vec<Room<'_>> = (0..6).map(|_| all.room(large).unwrap()).collect();
        assert!(all.room(large).is_none());
        let small = all.room(FREE_BYTES_MAX).unwrap();
        assert_eq!(all.0.get(), 6 * large);
        drop(small);
        let rest = all.room(4 << 20).unwrap();
        assert!(all.room(FREE_BYTES_MAX + 1).is_none());
        assert!(all.room(FREE_BYTES_MAX).is_some() && all.room(0).is_some());
        rooms.pop();
        assert!(all.room(large).is_some());
        drop((rooms, rest));
        assert_eq!(all.0.get(), 0);
    }
}
