//! A body as validators look at it: read once into one list of items, texts borrowed from it.
//!
//! Most bodies follow their model, and then nobody has to know more. A tree of `serde_json` costs an
//! allocation for each text and map; this costs one for the whole body.

use std::borrow::Cow;
use std::fmt;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
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
    /// None: it is not JSON.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut items = Vec::with_capacity(body.len() / BYTES_PER_ITEM + 4);
        let mut reader = serde_json::Deserializer::from_str(text);
        Into(&mut items).deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(Self(items))
    }

    pub fn root(&self) -> Place<'_> {
        Place(&self.0)
    }
}

/// Appends what it reads.
struct Into<'i, 'b>(&'i mut Vec<Item<'b>>);

impl<'b> Into<'_, 'b> {
    fn push<E: Error>(self, item: Item<'b>) -> Result<(), E> {
        self.0.push(item);
        Ok(())
    }
}

/// The body's bounds keep it far below.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'b> DeserializeSeed<'b> for Into<'_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Into<'_, 'b> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Item::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Item::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(Item::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(Item::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(Number::from_f64(value).map_or(Item::Null, Item::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<(), E> {
        self.push(Item::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(Item::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> Result<(), A::Error> {
        let (items, mut count) = (self.0, 0);
        let at = items.len();
        items.push(Item::Null);
        while list.next_element_seed(Into(items))?.is_some() {
            count += 1;
        }
        let length = narrow(items.len() - at);
        items[at] = Item::List { count, length };
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut members: A) -> Result<(), A::Error> {
        let (items, mut count) = (self.0, 0);
        let at = items.len();
        items.push(Item::Null);
        while members.next_key_seed(NameInto(items, at, count))?.is_some() {
            members.next_value_seed(Into(items))?;
            count += 1;
        }
        let sorted = (count > SCANNED_MAX).then(|| sort(&mut items[at..]));
        let length = narrow(items.len() - at);
        let count = match &sorted {
            Some(sorted) => narrow(sorted.len()),
            None => narrow(Names(&items[at + 1..]).count()),
        };
        items[at] = Item::Members {
            count,
            length,
            sorted,
        };
        Ok(())
    }
}

/// Appends the name of a member of the object at a place, the so-manieth of it.
struct NameInto<'i, 'b>(&'i mut Vec<Item<'b>>, usize, u32);

impl<'b> NameInto<'_, 'b> {
    fn push(self, name: Cow<'b, str>) {
        let Self(items, at, count) = self;
        // In large ones this would take long; those are sorted in the end.
        if count < SCANNED_MAX {
            let known = Names(&items[at + 1..]).find(|(known, _)| *known == name);
            if let Some((_, rest)) = known {
                let place = items.len() - rest.len() - 1;
                items[place] = Item::Shadowed;
            }
        }
        items.push(Item::Name(name));
    }
}

impl<'b> DeserializeSeed<'b> for NameInto<'_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'b> Visitor<'b> for NameInto<'_, 'b> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'b str) -> Result<(), E> {
        self.push(Cow::Borrowed(name));
        Ok(())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.push(Cow::Owned(name.to_owned()));
        Ok(())
    }
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

    fn value(self) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What `serde_json` makes of a text, and what we do.
    #[track_caller]
    fn check(text: &str) {
        let expected: Option<Value> = serde_json::from_str(text).ok();
        let found = Document::read(text.as_bytes());
        let value = found.as_ref().map(|found| found.root().value());
        assert_eq!(value, expected, "{text}");
        let Some(Value::Object(expected)) = expected else {
            return;
        };
        let root = found.as_ref().map(Document::root);
        assert_eq!(root.map(|root| Object::len(&root)), Some(expected.len()));
        for (name, value) in expected {
            let found = root.and_then(|root| root.get(&name.as_str().into()));
            assert_eq!(found.map(Place::value), Some(value), "{name} in {text}");
        }
    }

    #[test]
    fn bodies_are_read_as_serde_reads_them() {
        check(
            r#"{"a":[1,-2,2.5,1e3,18446744073709551616],"b":{"c":null,"d":[[],{}]},"e":"x\n\u00e9"}"#,
        );
        check(r#""text""#);
        check(" [ true , false ] ");
        for wrong in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{} x",
            "\"\\ud800\"",
            "1e999",
            "nul",
        ] {
            check(wrong);
        }
        check(&"[".repeat(200));
        check(&("[".repeat(100) + &"]".repeat(100)));
    }

    #[test]
    fn of_one_name_the_last_member_counts() {
        check(r#"{"a":1,"b":[1,2],"a":{"x":1,"x":2},"b":3,"a":4}"#);
        let many = |step: usize| {
            let members = (0..100).map(|n| format!("\"m{}\":{{\"v\":[{n}]}}", n % step));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        for step in [100, 17, 16, 7, 1] {
            check(&many(step));
        }
    }
}
