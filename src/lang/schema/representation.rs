//! Documents as the validators of `jsonschema` see them.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::document::{Document, Item, Names, Place, Values, key_of};

/// This representation.
pub struct Items;

/// The name of a property, as it is looked up.
pub struct Key {
    name: Box<str>,
    key: u32,
}

impl Json for Items {
    type Node<'a> = Place<'a>;
    type PreparedKey = Key;
    type StringBuffer = Document<'static>;

    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(name: &str) -> Key {
        let key = key_of(name.as_bytes());
        let name = name.into();
        Key { name, key }
    }

    fn with_string_node<T>(
        buffer: &mut Document<'static>,
        string: &str,
        f: impl FnOnce(Place<'_>) -> T,
    ) -> T {
        buffer.set_text(string);
        f(buffer.root())
    }
}

impl<'a> Node<'a, Items> for Place<'a> {
    type Object = Self;
    type Array = Self;
    type Number = Numeral;

    #[inline]
    fn as_object(&self) -> Option<Self> {
        matches!(*self.item, Item::Members { .. }).then_some(*self)
    }

    #[inline]
    fn as_array(&self) -> Option<Self> {
        matches!(*self.item, Item::List { .. }).then_some(*self)
    }

    #[inline]
    fn as_string(&self) -> Option<Cow<'a, str>> {
        match *self.item {
            Item::Text(slice) => Some(Cow::Borrowed(self.document.text_of(slice))),
            _ => None,
        }
    }

    #[inline]
    fn as_number(&self) -> Option<Numeral> {
        match *self.item {
            Item::Unsigned(value) => Some(Numeral::Unsigned(value)),
            Item::Negative(value) => Some(Numeral::Negative(value)),
            Item::Float(value) => Some(Numeral::Float(value)),
            _ => None,
        }
    }

    #[inline]
    fn as_boolean(&self) -> Option<bool> {
        match *self.item {
            Item::Bool(value) => Some(value),
            _ => None,
        }
    }

    #[inline]
    fn is_null(&self) -> bool {
        matches!(*self.item, Item::Null)
    }

    #[inline]
    fn json_type(&self) -> JsonType {
        match *self.item {
            Item::Null | Item::Shadowed => JsonType::Null,
            Item::Bool(_) => JsonType::Boolean,
            Item::Unsigned(_) | Item::Negative(_) | Item::Float(_) => JsonType::Number,
            Item::Text(_) | Item::Name { .. } => JsonType::String,
            Item::List { .. } => JsonType::Array,
            Item::Members { .. } => JsonType::Object,
        }
    }

    /// A character has one to four bytes, so most bounds hold without counting.
    #[inline]
    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let Item::Text(slice) = *self.item else {
            return None;
        };
        let most = self.document.bytes_of(slice).len() as u64;
        let fewest = most.div_ceil(4);
        if min <= fewest && most <= max {
            return Some(true);
        }
        let characters = self.document.text_of(slice).chars().count() as u64;
        Some((min..=max).contains(&characters))
    }

    /// Without a tree, which a large body would need for each option of an `enum`: most differ at
    /// once.
    fn equals_value(&self, expected: &Value) -> bool {
        match (*self.item, expected) {
            (Item::Text(slice), Value::String(expected)) => {
                self.document.bytes_of(slice) == expected.as_bytes()
            }
            (Item::List { count, .. }, Value::Array(expected)) => {
                let mut pairs = self.values().zip(expected);
                count as usize == expected.len()
                    && pairs.all(|(value, expected)| value.equals_value(expected))
            }
            (Item::Members { count, .. }, Value::Object(expected)) => {
                let is_expected = |(name, _, value): (_, _, Self)| {
                    let expected = expected.get(self.document.text_of(name));
                    expected.is_some_and(|expected| value.equals_value(expected))
                };
                count as usize == expected.len() && self.names().all(is_expected)
            }
            (Item::Text(_) | Item::List { .. } | Item::Members { .. }, _) => false,
            // Numbers and what is as small.
            _ => jsonschema::json::cmp::equal(&self.value(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(self.value())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.item) as usize))
    }
}

impl<'a> Object<'a, Items> for Place<'a> {
    type Node = Self;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    #[inline]
    fn len(&self) -> usize {
        match *self.item {
            Item::Members { count, .. } => count as usize,
            _ => 0,
        }
    }

    #[inline]
    fn get(&self, key: &Key) -> Option<Self> {
        self.member(key.name.as_bytes(), key.key)
    }

    #[inline]
    fn members(&self) -> Members<'a> {
        Members(self.names(), self.document)
    }
}

/// Names with their values.
pub struct Members<'a>(Names<'a>, &'a Document<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Place<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, _, value) = self.0.next()?;
        Some((self.1.text_of(name), value))
    }
}

impl<'a> Array<'a, Items> for Place<'a> {
    type Node = Self;
    type ElementsIter = Values<'a>;

    #[inline]
    fn len(&self) -> usize {
        match *self.item {
            Item::List { count, .. } => count as usize,
            _ => 0,
        }
    }

    #[inline]
    fn elements(&self) -> Values<'a> {
        self.values()
    }
}

/// A number of a body, as `serde_json` would hold it.
#[derive(Clone, Copy, Debug)]
pub enum Numeral {
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
}

impl Numeral {
    fn number(self) -> Number {
        match self {
            Self::Unsigned(value) => value.into(),
            Self::Negative(value) => value.into(),
            // The reader refuses what is not finite.
            Self::Float(value) => Number::from_f64(value).unwrap_or_else(|| 0.into()),
        }
    }
}

impl JsonNumber for Numeral {
    #[inline]
    fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            _ => None,
        }
    }

    #[inline]
    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Negative(value) => Some(*value),
            Self::Float(_) => None,
        }
    }

    #[inline]
    fn as_f64(&self) -> Option<f64> {
        Some(match self {
            Self::Unsigned(value) => *value as f64,
            Self::Negative(value) => *value as f64,
            Self::Float(value) => *value,
        })
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.number().to_string())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(self.number())
    }

    fn is_integer(&self) -> bool {
        !matches!(self, Self::Float(_)) || self.number().is_integer()
    }

    fn is_written_as_integer(&self) -> bool {
        !matches!(self, Self::Float(_)) || self.number().is_written_as_integer()
    }
}
