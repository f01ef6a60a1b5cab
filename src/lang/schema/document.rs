//! A body as validators look at it: read once into one list of items, texts borrowed from it.
//!
//! Most bodies follow their model, and then nobody has to know more. A tree of `serde_json` costs an
//! allocation for each text and map; this costs one for the whole body.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Map, Number, Value};

/// Objects with more members are found by halving, smaller ones from the first to the last.
const SCANNED_MAX: u32 = 16;

/// How much room an item of a body takes, roughly: a guess for what has to be reserved.
const BYTES_PER_ITEM: usize = 8;

/// Values in the order in which they were written, each with what is in it behind it.
#[derive(Debug)]
pub struct Document<'b>(Vec<Item<'b>>);

/// One value, or the name of a member, whose value is the next item.
#[derive(Debug)]
pub enum Item<'b> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'b, str>),
    /// `length` items belong to it, itself included.
    List {
        count: u32,
        length: u32,
    },
    Members {
        /// Without those whose name comes again.
        count: u32,
        length: u32,
        /// Of large ones: where the names are, counted from here, in their order.
        sorted: Option<Box<[u32]>>,
    },
    Name(Cow<'b, str>),
    /// The name comes again, and the last one counts.
    Shadowed,
}

impl<'b> Document<'b> {
    /// None: it is not JSON, as `serde_json` reads it.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = Reader {
            text,
            at: 0,
            items: Vec::with_capacity(body.len() / BYTES_PER_ITEM + 4),
        };
        reader.value(0)?;
        match reader.peek() {
            None => Some(Self(reader.items)),
            Some(_) => None,
        }
    }

    pub fn root(&self) -> Place<'_> {
        Place(&self.0)
    }
}

/// `serde_json` refuses lists and objects in more of each other.
const DEPTH_MAX: usize = 127;

struct Reader<'b> {
    text: &'b str,
    at: usize,
    items: Vec<Item<'b>>,
}

impl<'b> Reader<'b> {
    /// The next byte that is no blank.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let item = match self.peek()? {
            b'"' => Item::Text(self.string()?),
            b'{' => return self.members(depth),
            b'[' => return self.list(depth),
            b'-' | b'0'..=b'9' => Item::Number(self.number()?),
            b't' => self.word("true", Item::Bool(true))?,
            b'f' => self.word("false", Item::Bool(false))?,
            b'n' => self.word("null", Item::Null)?,
            _ => return None,
        };
        self.items.push(item);
        Some(())
    }

    fn word(&mut self, word: &str, item: Item<'b>) -> Option<Item<'b>> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(item)
    }

    /// Whether the list or object goes on behind a value; `end` ends it.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    /// Takes the opening bracket; says whether something is in it.
    fn open(&mut self, depth: usize, end: u8) -> Option<bool> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.at += 1;
        let has_some = self.peek()? != end;
        self.at += usize::from(!has_some);
        // What it is known to be in the end takes its place.
        self.items.push(Item::Null);
        Some(has_some)
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let (at, mut count) = (self.items.len(), 0);
        let mut goes_on = self.open(depth, b']')?;
        while goes_on {
            self.value(depth + 1)?;
            count += 1;
            goes_on = self.goes_on(b']')?;
        }
        let length = narrow(self.items.len() - at);
        self.items[at] = Item::List { count, length };
        Some(())
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        let (at, mut count, mut shadowed) = (self.items.len(), 0, 0);
        let mut goes_on = self.open(depth, b'}')?;
        while goes_on {
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            // In large ones this would take long; those are sorted in the end.
            if count < SCANNED_MAX {
                shadowed += u32::from(self.shadow(at, &name));
            }
            self.items.push(Item::Name(name));
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.value(depth + 1)?;
            count += 1;
            goes_on = self.goes_on(b'}')?;
        }
        let sorted = (count > SCANNED_MAX).then(|| sort(&mut self.items[at..]));
        let count = match &sorted {
            Some(sorted) => narrow(sorted.len()),
            None => count - shadowed,
        };
        let length = narrow(self.items.len() - at);
        self.items[at] = Item::Members {
            count,
            length,
            sorted,
        };
        Some(())
    }

    /// Whether the object that began at a place has this name already, which counts no more.
    fn shadow(&mut self, at: usize, name: &str) -> bool {
        let known = Names(&self.items[at + 1..]).find(|(known, _)| *known == name);
        let place = known.map(|(_, values)| self.items.len() - values.len() - 1);
        if let Some(place) = place {
            self.items[place] = Item::Shadowed;
        }
        place.is_some()
    }

    fn string(&mut self) -> Option<Cow<'b, str>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = special(bytes, start)?;
        let has_escapes = bytes[end] == b'\\';
        while bytes[end] == b'\\' {
            // What is escaped may be a quote.
            end = special(bytes, end + 2)?;
        }
        if bytes[end] != b'"' {
            return None;
        }
        self.at = end + 1;
        Some(match has_escapes {
            false => Cow::Borrowed(&self.text[start..end]),
            true => Cow::Owned(serde_json::from_str(&self.text[start - 1..=end]).ok()?),
        })
    }

    fn number(&mut self) -> Option<Number> {
        let rest = &self.text.as_bytes()[self.at..];
        let of_number = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = rest.iter().position(of_number).unwrap_or(rest.len());
        let text = &self.text[self.at..self.at + end];
        self.at += end;
        match usual(text.as_bytes()) {
            Some(number) => Some(number),
            None => serde_json::from_str(text).ok(),
        }
    }
}

/// Where a quote, a backslash or a control character comes next: eight bytes at a time.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The lowest mark is right; one above it may come of a borrow.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    while let Some(eight) = bytes.get(at..)?.first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let slashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let found = controls | quotes | slashes;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    Some(at + rest.iter().position(is_special)?)
}

/// A number of few digits, as most are; others are for who knows all rules.
fn usual(text: &[u8]) -> Option<Number> {
    // So many digits, with or without a point, are held exactly.
    const DIGITS_MAX: usize = 15;
    const TENS: [f64; 5] = [1.0, 10.0, 100.0, 1000.0, 10_000.0];
    if text.len() > DIGITS_MAX || (text.len() > 1 && text[0] == b'0' && text[1] != b'.') {
        return None;
    }
    let (mut value, mut places) = (0_u64, None);
    for byte in text {
        match (byte, &mut places) {
            (b'0'..=b'9', places) => {
                value = value * 10 + u64::from(byte - b'0');
                if let Some(places) = places {
                    *places += 1;
                }
            }
            (b'.', None) => places = Some(0_usize),
            _ => return None,
        }
    }
    match places {
        None => Some(value.into()),
        Some(0) => None,
        Some(_) if text[0] == b'.' => None,
        // One division rounds once.
        Some(places) => Number::from_f64(value as f64 / TENS.get(places)?),
    }
}

/// The body's bounds keep it far below.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The places of the names of an object that begins `items`, by name, each name once.
fn sort(items: &mut [Item<'_>]) -> Box<[u32]> {
    let mut places = Vec::new();
    let mut rest = &items[1..];
    while let Some((name, values)) = rest.split_first() {
        if let Item::Name(_) = name {
            places.push(narrow(items.len() - rest.len()));
        }
        rest = &values[length(values)..];
    }
    // Stable: of one name the last one stays last.
    places.sort_by_key(|place| name_at(items, *place));
    let mut once: Vec<u32> = Vec::with_capacity(places.len());
    for place in places {
        match once.last_mut() {
            Some(last) if name_at(items, *last) == name_at(items, place) => {
                items[*last as usize] = Item::Shadowed;
                *last = place;
            }
            _ => once.push(place),
        }
    }
    once.into()
}

fn name_at<'i>(items: &'i [Item<'_>], place: u32) -> &'i str {
    match items.get(place as usize) {
        Some(Item::Name(name)) => name,
        _ => "",
    }
}

/// Items of the value that begins them; 0 where there is none.
fn length(items: &[Item<'_>]) -> usize {
    match items.first() {
        None => 0,
        Some(Item::List { length, .. } | Item::Members { length, .. }) => *length as usize,
        Some(_) => 1,
    }
}

/// Members that count: their names, and what stands behind each.
pub struct Names<'a>(&'a [Item<'a>]);

impl<'a> Iterator for Names<'a> {
    type Item = (&'a str, &'a [Item<'a>]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, values) = self.0.split_first()?;
            self.0 = &values[length(values)..];
            if let Item::Name(name) = name {
                return Some((name, values));
            }
        }
    }
}

/// Values one behind the other.
pub struct Values<'a>(&'a [Item<'a>]);

impl<'a> Iterator for Values<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Place<'a>> {
        let items = self.0;
        let own = length(items);
        self.0 = &items[own..];
        (own > 0).then_some(Place(items))
    }
}

/// A value: the first of these items.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(&'a [Item<'a>]);

impl<'a> Place<'a> {
    fn item(&self) -> &'a Item<'a> {
        self.0.first().unwrap_or(&Item::Null)
    }

    /// What is in a list or an object.
    fn inner(&self) -> &'a [Item<'a>] {
        &self.0[1..length(self.0)]
    }

    /// The same as a tree.
    pub fn value(self) -> Value {
        match self.item() {
            Item::Null | Item::Shadowed => Value::Null,
            Item::Bool(value) => Value::Bool(*value),
            Item::Number(number) => Value::Number(number.clone()),
            Item::Text(text) | Item::Name(text) => Value::String(text.to_string()),
            Item::List { .. } => Values(self.inner()).map(Place::value).collect(),
            Item::Members { .. } => {
                let members = Names(self.inner());
                let members =
                    members.map(|(name, values)| (name.to_owned(), Place(values).value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// This representation, for validators.
pub struct Items;

impl Json for Items {
    type Node<'a> = Place<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Vec<Item<'static>>;

    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut Vec<Item<'static>>,
        string: &str,
        f: impl FnOnce(Place<'_>) -> T,
    ) -> T {
        buffer.clear();
        buffer.push(Item::Text(Cow::Owned(string.to_owned())));
        f(Place(buffer))
    }
}

impl<'a> Node<'a, Items> for Place<'a> {
    type Object = Self;
    type Array = Self;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Self> {
        matches!(self.item(), Item::Members { .. }).then_some(*self)
    }

    fn as_array(&self) -> Option<Self> {
        matches!(self.item(), Item::List { .. }).then_some(*self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.item() {
            Item::Text(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.item() {
            Item::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.item() {
            Item::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.item(), Item::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.item() {
            Item::Null | Item::Shadowed => JsonType::Null,
            Item::Bool(_) => JsonType::Boolean,
            Item::Number(_) => JsonType::Number,
            Item::Text(_) | Item::Name(_) => JsonType::String,
            Item::List { .. } => JsonType::Array,
            Item::Members { .. } => JsonType::Object,
        }
    }

    /// A character has one to four bytes, so most bounds hold without counting.
    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let Item::Text(text) = self.item() else {
            return None;
        };
        let most = text.len() as u64;
        let fewest = most.div_ceil(4);
        if min <= fewest && most <= max {
            return Some(true);
        }
        Some((min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.item(), expected) {
            (Item::Text(text), Value::String(expected)) => *text == **expected,
            (Item::Text(_), _) => false,
            _ => jsonschema::json::cmp::equal(&self.value(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(self.value())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.item()) as usize))
    }
}

impl<'a> Object<'a, Items> for Place<'a> {
    type Node = Self;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        match self.item() {
            Item::Members { count, .. } => *count as usize,
            _ => 0,
        }
    }

    fn get(&self, key: &Box<str>) -> Option<Self> {
        let Item::Members { sorted, .. } = self.item() else {
            return None;
        };
        if let Some(sorted) = sorted {
            let at = sorted.binary_search_by(|place| name_at(self.0, *place).cmp(key));
            let place = sorted.get(at.ok()?)?;
            return self.0.get(*place as usize + 1..).map(Self);
        }
        let found = Names(self.inner()).find(|(name, _)| **name == **key);
        found.map(|(_, values)| Self(values))
    }

    fn members(&self) -> Members<'a> {
        Members(Names(self.inner()))
    }
}

/// Names with their values.
pub struct Members<'a>(Names<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Place<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, values)| (name, Place(values)))
    }
}

impl<'a> Array<'a, Items> for Place<'a> {
    type Node = Self;
    type ElementsIter = Values<'a>;

    fn len(&self) -> usize {
        match self.item() {
            Item::List { count, .. } => *count as usize,
            _ => 0,
        }
    }

    fn elements(&self) -> Values<'a> {
        Values(self.inner())
    }
}
