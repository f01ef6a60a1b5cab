//! Maps in the order of insertion, as Java's `LinkedHashMap`.

use std::collections::HashMap;

use super::{Text, Value};

/// From here on a map keeps an index of its keys.
const INDEXED_FROM: usize = 32;

#[derive(Clone, Debug, Default)]
pub struct Map<'a> {
    entries: Vec<(Value<'a>, Value<'a>)>,
    /// Places of the keys that are texts, once there are many.
    index: Option<HashMap<Text<'a>, usize>>,
}

impl<'a> Map<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Value of a key that is a text.
    pub fn member(&self, key: &str) -> Option<&Value<'a>> {
        self.place(key).map(|at| &self.entries[at].1)
    }

    pub fn get(&self, key: &Value<'a>) -> Option<&Value<'a>> {
        self.place_of(key).map(|at| &self.entries[at].1)
    }

    /// The value that was there before.
    pub fn put(&mut self, key: Value<'a>, value: Value<'a>) -> Option<Value<'a>> {
        if let Some(at) = self.place_of(&key) {
            return Some(std::mem::replace(&mut self.entries[at].1, value));
        }
        let at = self.entries.len();
        if at == 0 {
            self.entries.reserve(8);
        }
        self.entries.push((key, value));
        if self.entries.len() > INDEXED_FROM {
            let from = if self.index.is_none() { 0 } else { at };
            self.index_from(from);
        }
        None
    }

    pub fn remove(&mut self, key: &Value<'a>) -> Option<Value<'a>> {
        let at = self.place_of(key)?;
        let (_, value) = self.entries.remove(at);
        self.index = None;
        if self.entries.len() > INDEXED_FROM {
            self.index_from(0);
        }
        Some(value)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.index = None;
    }

    /// In the order of insertion.
    pub fn entries(&self) -> &[(Value<'a>, Value<'a>)] {
        &self.entries
    }

    fn place(&self, key: &str) -> Option<usize> {
        if self.entries.len() > INDEXED_FROM {
            return self.index.as_ref()?.get(key).copied();
        }
        self.entries
            .iter()
            .position(|(known, _)| known.as_text() == Some(key))
    }

    fn place_of(&self, key: &Value<'a>) -> Option<usize> {
        match key {
            Value::Text(text) => self.place(text.as_str()),
            _ => self
                .entries
                .iter()
                .position(|(known, _)| same_key(known, key)),
        }
    }

    fn index_from(&mut self, from: usize) {
        let index = self.index.get_or_insert_default();
        for (at, (key, _)) in self.entries.iter().enumerate().skip(from) {
            if let Value::Text(text) = key {
                index.insert(text.clone(), at);
            }
        }
    }
}

/// Java's `equals` for what may be a key; texts are looked up elsewhere.
fn same_key(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Char(left), Value::Char(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left.equals(right),
        (Value::Map(left), Value::Map(right)) => left == right,
        (Value::List(left), Value::List(right)) => left == right,
        (Value::Handle(left), Value::Handle(right)) => left == right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_maps_find_replace_and_forget() {
        let mut map = Map::new();
        for key in 0..100 {
            assert!(
                map.put(Value::text(key.to_string()), Value::int(key))
                    .is_none()
            );
        }
        assert!(map.put(Value::borrowed("7"), Value::Null).is_some());
        assert!(matches!(map.member("7"), Some(Value::Null)));
        assert!(map.remove(&Value::borrowed("7")).is_some());
        assert!(map.member("7").is_none());
        assert!(map.member("99").is_some());
        assert_eq!(map.len(), 99);
    }
}
