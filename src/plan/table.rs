//! An immutable table from (owner, bytes) to a number, made for lookups on the request path.

use std::sync::Arc;

/// Open addressing over one flat array, at most half full; the keys' bytes lie in one buffer.
///
/// Keys come from the configuration, never from a peer, so the longest probe is fixed when the
/// table is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::plan) struct Table {
    slots: Arc<[Slot]>,
    text: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Slot {
    owner: u32,
    /// `EMPTY` where nothing is stored.
    value: u32,
    start: u32,
    len: u16,
    /// The high bits of the hash: most strangers are told apart without touching the text.
    tag: u16,
}

const EMPTY: u32 = u32::MAX;

/// The longest key a table holds, bytes.
pub(in crate::plan) const KEY_BYTES_MAX: usize = u16::MAX as usize;

impl Slot {
    const FREE: Self = Self {
        owner: 0,
        value: EMPTY,
        start: 0,
        len: 0,
        tag: 0,
    };
}

impl Table {
    /// The pairs of owner and key must be unique, the keys within `KEY_BYTES_MAX`, the values
    /// below `u32::MAX`.
    pub fn build(entries: &[(u32, &[u8], u32)]) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let mut editor = Editor {
            slots: vec![Slot::FREE; (entries.len() * 2).next_power_of_two()],
            text: Vec::with_capacity(entries.iter().map(|(_, key, _)| key.len()).sum()),
            count: 0,
        };
        for &(owner, key, value) in entries {
            editor.insert(owner, key, value);
        }
        editor.finish()
    }

    /// A copy that can be added to.
    pub fn edit(&self) -> Editor {
        Editor {
            slots: self.slots.to_vec(),
            text: self.text.to_vec(),
            count: self.slots.iter().filter(|slot| slot.value != EMPTY).count(),
        }
    }

    #[inline]
    pub fn find(&self, owner: u32, key: &[u8]) -> Option<u32> {
        find(&self.slots, &self.text, owner, key)
    }
}

/// A table in the making.
#[derive(Debug)]
pub(in crate::plan) struct Editor {
    slots: Vec<Slot>,
    text: Vec<u8>,
    count: usize,
}

impl Editor {
    pub fn find(&self, owner: u32, key: &[u8]) -> Option<u32> {
        find(&self.slots, &self.text, owner, key)
    }

    /// As in `Table::build`.
    pub fn insert(&mut self, owner: u32, key: &[u8], value: u32) {
        assert!(key.len() <= KEY_BYTES_MAX && value != EMPTY);
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.count += 1;
        let hash = hash(owner, key);
        let slot = Slot {
            owner,
            value,
            start: self.text.len() as u32,
            len: key.len() as u16,
            tag: (hash >> 48) as u16,
        };
        place(&mut self.slots, hash, slot);
        self.text.extend_from_slice(key);
    }

    fn grow(&mut self) {
        let mut slots = vec![Slot::FREE; (self.slots.len() * 2).max(4)];
        for slot in self.slots.iter().filter(|slot| slot.value != EMPTY) {
            let start = slot.start as usize;
            let key = &self.text[start..start + slot.len as usize];
            place(&mut slots, hash(slot.owner, key), *slot);
        }
        self.slots = slots;
    }

    pub fn finish(self) -> Table {
        Table {
            slots: self.slots.into(),
            text: self.text.into(),
        }
    }
}

/// Into the first free place; there is one.
fn place(slots: &mut [Slot], hash: u64, slot: Slot) {
    let mask = slots.len() - 1;
    let mut at = hash as usize & mask;
    while slots[at].value != EMPTY {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

#[inline]
fn find(slots: &[Slot], text: &[u8], owner: u32, key: &[u8]) -> Option<u32> {
    let hash = hash(owner, key);
    let tag = (hash >> 48) as u16;
    let mask = slots.len().wrapping_sub(1);
    let mut at = hash as usize & mask;
    // Ends: at least half of the slots are empty, and an empty table has no slot at all.
    loop {
        let slot = slots.get(at)?;
        if slot.value == EMPTY {
            return None;
        }
        if slot.tag == tag && slot.owner == owner && slot.len as usize == key.len() {
            let start = slot.start as usize;
            if text.get(start..start + key.len()) == Some(key) {
                return Some(slot.value);
            }
        }
        at = (at + 1) & mask;
    }
}

/// A folded multiply over the ends of the key; sixteen bytes a turn for long ones.
#[inline]
pub(in crate::plan) fn hash(owner: u32, key: &[u8]) -> u64 {
    const SEEDS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let len = key.len();
    let mut seed = SEEDS[0] ^ (u64::from(owner) << 24);
    let mut rest = key;
    while rest.len() > 16 {
        let (Some(low), Some(high)) = (word(rest), word(&rest[8..])) else {
            break;
        };
        seed = fold(low ^ seed, high ^ SEEDS[1]);
        rest = &rest[16..];
    }
    let (low, high) = if let (Some(low), Some(high)) = (word(rest), rest.last_chunk()) {
        (low, u64::from_le_bytes(*high))
    } else if let (Some(low), Some(high)) = (rest.first_chunk(), rest.last_chunk()) {
        (
            u64::from(u32::from_le_bytes(*low)),
            u64::from(u32::from_le_bytes(*high)),
        )
    } else if let [first, .., last] = rest {
        // Two or three bytes: the middle one is the first or the last.
        let middle = rest[rest.len() / 2];
        (
            u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(*last),
            0,
        )
    } else {
        (rest.first().map_or(0, |only| u64::from(*only)), 0)
    };
    fold(low ^ seed, high ^ SEEDS[1] ^ len as u64)
}

#[inline]
fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_under_its_owner_only() {
        let keys: Vec<Vec<u8>> = (0..3_000)
            .map(|number| format!("{number:0width$}", width = number % 40).into_bytes())
            .collect();
        let entries: Vec<(u32, &[u8], u32)> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| (index as u32 % 7, key.as_slice(), index as u32))
            .collect();
        let table = Table::build(&entries);
        for (owner, key, value) in &entries {
            assert_eq!(table.find(*owner, key), Some(*value));
            assert_eq!(table.find(*owner + 7, key), None);
        }
        assert_eq!(table.find(0, b"missing"), None);
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        assert_eq!(Table::default().find(0, b""), None);
        assert_eq!(Table::build(&[]).find(3, b"key"), None);
    }

    #[test]
    fn numbered_names_do_not_pile_up() {
        let names: Vec<String> = (0..10_000).map(|number| format!("svc{number}")).collect();
        let buckets = 32_768_usize;
        let mut loads = vec![0_u32; buckets];
        for name in &names {
            loads[hash(0, name.as_bytes()) as usize & (buckets - 1)] += 1;
        }
        assert!(*loads.iter().max().unwrap() <= 8);
    }
}
