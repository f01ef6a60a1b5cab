//! A body as validators look at it: read once into one list of items, texts left where they are.
//!
//! Most bodies follow their model, and then nobody has to know more. A tree of `serde_json` costs an
//! allocation for each text and map; this costs one for the whole body, and a second one where
//! something in it is written with escapes.

use serde_json::{Map, Number, Value};

/// Objects with more members are found by halving, smaller ones from the first to the last.
pub(super) const SCANNED_MAX: u32 = 16;

/// In the place of where names are sorted: they are not.
pub(super) const UNSORTED: u32 = u32::MAX;

/// Values in the order in which they were written, each with what is in it behind it.
#[derive(Debug, Default)]
pub struct Document<'b> {
    pub(super) text: &'b str,
    /// What texts with escapes mean, one behind the other.
    pub(super) decoded: String,
    pub(super) items: Vec<Item>,
    /// Of objects with many members: where their names are, in their order.
    sorted: Vec<u32>,
}

/// One value, or the name of a member, whose value is the next item.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
    Text(Slice),
    /// `length` items belong to it, itself included.
    List {
        count: u32,
        length: u32,
    },
    Members {
        /// Without those whose name comes again.
        count: u32,
        length: u32,
        /// Where its names begin in the list of sorted ones.
        sorted: u32,
    },
    Name {
        slice: Slice,
        key: u32,
    },
    /// The name comes again, and the last one counts.
    Shadowed,
}

impl Item {
    /// Items of the value that it begins.
    #[inline]
    fn length(&self) -> usize {
        match self {
            Item::List { length, .. } | Item::Members { length, .. } => *length as usize,
            _ => 1,
        }
    }
}

/// A part of the body, or of what is decoded, which follows on it.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    at: u32,
    length: u32,
}

impl Slice {
    /// The reader's bound keeps both far below 32 bits.
    pub(super) fn of(at: usize, length: usize) -> Self {
        let (at, length) = (at as u32, length as u32);
        Self { at, length }
    }
}

/// Tells most names apart: made of the length, the first and the last bytes.
#[inline]
pub(super) fn key_of(name: &[u8]) -> u32 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(first), Some(last)) => (
                u64::from(u32::from_le_bytes(*first)),
                u64::from(u32::from_le_bytes(*last)),
            ),
            _ => {
                let bytes = name.iter();
                (bytes.fold(0, |all, byte| all << 8 | u64::from(*byte)), 0)
            }
        },
    };
    let all = first ^ last.rotate_left(29) ^ (name.len() as u64) << 56;
    (all.wrapping_mul(SPREAD) >> 32) as u32
}

impl<'b> Document<'b> {
    pub(super) fn over(text: &'b str, items: Vec<Item>) -> Self {
        Self {
            text,
            items,
            ..Self::default()
        }
    }

    /// Nothing but a text.
    pub(super) fn set_text(&mut self, text: &str) {
        self.decoded.clear();
        self.decoded.push_str(text);
        self.items.clear();
        self.items
            .push(Item::Text(Slice::of(self.text.len(), text.len())));
    }

    pub fn root(&self) -> Place<'_> {
        self.place(0)
    }

    #[inline]
    fn place(&self, at: usize) -> Place<'_> {
        Place {
            document: self,
            item: self.items.get(at).unwrap_or(&Item::Null),
        }
    }

    /// The text in which a slice lies, and where.
    #[inline]
    fn around(&self, slice: Slice) -> (&str, usize) {
        let at = slice.at as usize;
        match at.checked_sub(self.text.len()) {
            None => (self.text, at),
            Some(at) => (&self.decoded, at),
        }
    }

    #[inline]
    pub(super) fn bytes_of(&self, slice: Slice) -> &[u8] {
        let (text, at) = self.around(slice);
        let bytes = text.as_bytes();
        bytes
            .get(at..at + slice.length as usize)
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn text_of(&self, slice: Slice) -> &str {
        let (text, at) = self.around(slice);
        text.get(at..at + slice.length as usize).unwrap_or_default()
    }

    /// The names of the object that began at a place, so far.
    fn names_from(&self, start: usize) -> Names<'_> {
        Names {
            document: self,
            at: start + 1,
            end: self.items.len(),
        }
    }

    /// Whether the object that began at a place has this name already, which counts no more.
    pub(super) fn shadow(&mut self, start: usize, name: Slice, key: u32) -> bool {
        let found = self.names_from(start).value_of(self.bytes_of(name), key);
        let place = found.map(|value| value.at() - 1);
        if let Some(place) = place {
            self.items[place] = Item::Shadowed;
        }
        place.is_some()
    }

    /// Sorts the names of the object that began at a place, each name once: how many there are,
    /// and where they are.
    pub(super) fn sort(&mut self, start: usize) -> (u32, u32) {
        let names = self.names_from(start);
        let mut places: Vec<u32> = names.map(|(_, _, value)| value.at() as u32 - 1).collect();
        // Stable: of one name the last one stays last.
        places.sort_by_key(|place| self.name_at(*place));
        let first = self.sorted.len();
        for place in places {
            match self.sorted[first..].last().copied() {
                Some(last) if self.name_at(last) == self.name_at(place) => {
                    self.items[last as usize] = Item::Shadowed;
                    self.sorted.pop();
                }
                _ => {}
            }
            self.sorted.push(place);
        }
        ((self.sorted.len() - first) as u32, first as u32)
    }

    /// What names are sorted by.
    fn name_at(&self, place: u32) -> (u32, &[u8]) {
        match self.items.get(place as usize) {
            Some(Item::Name { slice, key }) => (*key, self.bytes_of(*slice)),
            _ => (0, b""),
        }
    }
}

/// Members that count: the name of each, its key, and its value.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    document: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Names<'a> {
    /// The value behind a name.
    #[inline]
    fn value_of(self, wanted: &[u8], wanted_key: u32) -> Option<Place<'a>> {
        let document = self.document;
        let is_wanted =
            |name: &Slice, key: u32| key == wanted_key && document.bytes_of(*name) == wanted;
        let mut names = self;
        let found = names.find(|(name, key, _)| is_wanted(name, *key));
        found.map(|(_, _, value)| value)
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = (Slice, u32, Place<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let document = self.document;
        while self.at < self.end {
            let name = document.items.get(self.at)?;
            let value = document.place(self.at + 1);
            self.at += 1 + value.item.length();
            if let Item::Name { slice, key } = name {
                return Some((*slice, *key, value));
            }
        }
        None
    }
}

/// Values one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    document: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Place<'a>;

    #[inline]
    fn next(&mut self) -> Option<Place<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = self.document.place(self.at);
        self.at += value.item.length();
        Some(value)
    }
}

/// A value: what begins with this item of the document.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) item: &'a Item,
}

impl<'a> Place<'a> {
    /// Where it stands among the items. Kept as a number beside the item it would make every
    /// place larger, and validators copy them all the time.
    #[inline]
    fn at(self) -> usize {
        let first = self.document.items.as_ptr() as usize;
        let bytes = (std::ptr::from_ref(self.item) as usize).wrapping_sub(first);
        bytes / size_of::<Item>()
    }

    #[inline]
    pub(super) fn names(self) -> Names<'a> {
        Names {
            document: self.document,
            at: self.at() + 1,
            end: self.at() + self.item.length(),
        }
    }

    #[inline]
    pub(super) fn values(self) -> Values<'a> {
        Values {
            document: self.document,
            at: self.at() + 1,
            end: self.at() + self.item.length(),
        }
    }

    /// The value of a member; `key` is its name's.
    pub(super) fn member(self, name: &[u8], key: u32) -> Option<Self> {
        let document = self.document;
        match *self.item {
            Item::Members { sorted, .. } if sorted == UNSORTED => self.names().value_of(name, key),
            Item::Members { count, sorted, .. } => {
                let first = sorted as usize;
                let sorted = document.sorted.get(first..first + count as usize)?;
                let wanted = (key, name);
                let found = sorted.binary_search_by(|place| document.name_at(*place).cmp(&wanted));
                Some(document.place(sorted[found.ok()?] as usize + 1))
            }
            _ => None,
        }
    }

    /// The same as a tree.
    pub fn value(self) -> Value {
        match *self.item {
            Item::Null | Item::Shadowed => Value::Null,
            Item::Bool(value) => Value::Bool(value),
            Item::Unsigned(value) => Value::from(value),
            Item::Negative(value) => Value::from(value),
            Item::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
            Item::Text(slice) | Item::Name { slice, .. } => {
                Value::String(self.document.text_of(slice).to_owned())
            }
            Item::List { .. } => self.values().map(Place::value).collect(),
            Item::Members { .. } => {
                let text = |name| self.document.text_of(name).to_owned();
                let members = self.names();
                let members = members.map(|(name, _, value)| (text(name), value.value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}
