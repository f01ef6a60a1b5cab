//! Maps in the order of insertion, as Java's `LinkedHashMap`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Value;

/// Beyond so many entries a map keeps an index of its keys.
pub(super) const PLAIN_MAX: usize = 32;

/// What an index takes for each key.
const INDEX_BYTES: usize = 32;

/// Places of the keys that are texts.
type Index<'a> = HashMap<&'a str, usize>;

/// A map that can be written.
#[derive(Clone, Debug, Default)]
pub struct Map<'a> {
    keys: Vec<Value<'a>>,
    /// As many as keys.
    values: Vec<Value<'a>>,
    index: Option<Index<'a>>,
}

/// A map to look at, wherever its entries are.
#[derive(Clone, Copy, Debug)]
pub struct Members<'h, 'a> {
    keys: &'h [Value<'a>],
    values: &'h [Value<'a>],
    index: Option<&'h Index<'a>>,
}

impl<'a> Map<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// At most [`PLAIN_MAX`] keys, which are all different, and their values.
    pub(super) fn plain(keys: Vec<Value<'a>>, values: Vec<Value<'a>>) -> Self {
        Self {
            keys,
            values,
            index: None,
        }
    }

    /// Keys that are texts, and their values. Of a key that comes again the last value counts, in the
    /// place of the first.
    pub(super) fn of(keys: &[Value<'a>], values: &[Value<'a>]) -> Self {
        let mut map = Self::new();
        map.keys.reserve(keys.len());
        map.values.reserve(keys.len());
        let mut index = Index::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(values) {
            match index.entry(key.as_text().unwrap_or_default()) {
                Entry::Vacant(place) => {
                    place.insert(map.keys.len());
                    map.keys.push(*key);
                    map.values.push(*value);
                }
                Entry::Occupied(place) => map.values[*place.get()] = *value,
            }
        }
        map.index = (map.keys.len() > PLAIN_MAX).then_some(index);
        map
    }

    pub fn members(&self) -> Members<'_, 'a> {
        Members {
            keys: &self.keys,
            values: &self.values,
            index: self.index.as_ref(),
        }
    }

    /// The value that was there before.
    pub fn put(&mut self, key: Value<'a>, value: Value<'a>) -> Option<Value<'a>> {
        if let Some(at) = self.members().place_of(&key) {
            return Some(std::mem::replace(&mut self.values[at], value));
        }
        let at = self.keys.len();
        self.keys.push(key);
        self.values.push(value);
        self.index_from(if self.index.is_some() { at } else { 0 });
        None
    }

    pub fn remove(&mut self, key: &Value<'a>) -> Option<Value<'a>> {
        let at = self.members().place_of(key)?;
        self.keys.remove(at);
        self.index = None;
        self.index_from(0);
        Some(self.values.remove(at))
    }

    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
        self.index = None;
    }

    fn index_from(&mut self, from: usize) {
        if self.keys.len() <= PLAIN_MAX {
            return;
        }
        let index = self.index.get_or_insert_default();
        for (at, key) in self.keys.iter().enumerate().skip(from) {
            if let Value::Text(text) = key {
                index.insert(text, at);
            }
        }
    }
}

impl<'h, 'a> Members<'h, 'a> {
    /// At most [`PLAIN_MAX`] keys and as many values.
    pub(super) fn plain(keys: &'h [Value<'a>], values: &'h [Value<'a>]) -> Self {
        Self {
            keys,
            values,
            index: None,
        }
    }

    pub fn len(self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(self) -> bool {
        self.keys.is_empty()
    }

    /// What looking for a key takes, in steps: texts are hashed, all else is looked for one by one.
    pub fn steps_to(self, key: &Value<'_>) -> usize {
        match key {
            Value::Text(text) => text.len() / 64,
            _ => self.keys.len() / 8,
        }
    }

    /// About what a map of its own takes.
    pub(super) fn bytes(self) -> usize {
        let index = self.index.map_or(0, |index| index.len() * INDEX_BYTES);
        size_of::<Map<'_>>() + 2 * size_of_val(self.keys) + index
    }

    /// Value of a key that is a text.
    pub fn member(self, key: &str) -> Option<&'h Value<'a>> {
        self.values.get(self.place(key)?)
    }

    /// Key and value of a key that is a text.
    pub fn entry(self, key: &str) -> Option<(Value<'a>, Value<'a>)> {
        let place = self.place(key)?;
        Some((self.keys[place], self.values[place]))
    }

    pub fn get(self, key: &Value<'_>) -> Option<&'h Value<'a>> {
        self.values.get(self.place_of(key)?)
    }

    /// In the order of insertion.
    pub fn keys(self) -> &'h [Value<'a>] {
        self.keys
    }

    /// In the order of their keys.
    pub fn values(self) -> &'h [Value<'a>] {
        self.values
    }

    pub fn entries(self) -> impl Iterator<Item = (&'h Value<'a>, &'h Value<'a>)> {
        self.keys.iter().zip(self.values)
    }

    /// Where a key is that is a text.
    #[inline]
    pub(super) fn place(self, key: &str) -> Option<usize> {
        if self.keys.len() > PLAIN_MAX {
            return self.index?.get(key).copied();
        }
        let mut keys = self.keys.iter();
        keys.position(|known| matches!(known, Value::Text(known) if same(known, key)))
    }

    fn place_of(self, key: &Value<'_>) -> Option<usize> {
        match key {
            Value::Text(text) => self.place(text),
            _ => self.keys.iter().position(|known| same_key(known, key)),
        }
    }
}

/// Whether two names are the same. Most have few bytes: no call is made for those.
#[inline(always)]
pub(super) fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    if let (Some(first), Some(last)) = (left.first_chunk::<4>(), left.last_chunk::<4>())
        && left.len() <= 8
    {
        return Some(first) == right.first_chunk() && Some(last) == right.last_chunk();
    }
    match (left, right) {
        ([], []) => true,
        ([a, .., b], [c, .., d]) if left.len() == 2 => a == c && b == d,
        ([a, b, c], [d, e, f]) => a == d && b == e && c == f,
        _ => left.first() == right.first() && left == right,
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
    fn names_are_compared_whole() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let name = &text[..length];
            assert!(same(name, name));
            assert!(!same(name, &text[..length + 1]));
            for place in 0..length {
                let other = [&name[..place], "#", &name[place + 1..]].concat();
                assert!(!same(name, &other), "{length} {place}");
            }
        }
    }

    #[test]
    fn large_maps_find_replace_and_forget() {
        let names: Vec<String> = (0..100).map(|key| key.to_string()).collect();
        let mut map = Map::new();
        for (key, name) in names.iter().enumerate() {
            assert!(map.put(Value::Text(name), Value::int(key)).is_none());
        }
        assert!(map.put(Value::Text("7"), Value::Null).is_some());
        assert!(matches!(map.members().member("7"), Some(Value::Null)));
        assert!(map.remove(&Value::Text("7")).is_some());
        assert!(map.members().member("7").is_none());
        assert!(map.members().member("99").is_some());
        assert_eq!(map.members().len(), 99);
    }
}
