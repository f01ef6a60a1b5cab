//! Where the maps and lists of one request live.

use super::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListId(u32);

/// Which of Java's classes a list is: they print and behave in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// json-smart's `JSONArray`; prints as JSON.
    Json,
    /// `ArrayList`, from a list literal or a range.
    Plain,
    /// `String[]`, as `split` gives it.
    Array,
    /// `keySet()`, `values()` or `entrySet()`: no index.
    View,
    /// One entry of a map: key and value.
    Entry,
}

#[derive(Clone, Debug)]
pub struct List<'a> {
    pub kind: ListKind,
    pub items: Vec<Value<'a>>,
}

#[derive(Debug, Default)]
pub struct Heap<'a> {
    maps: Vec<Map<'a>>,
    lists: Vec<List<'a>>,
}

impl<'a> Heap<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn new_map(&mut self) -> MapId {
        self.keep_map(Map::new())
    }

    pub fn keep_map(&mut self, map: Map<'a>) -> MapId {
        self.maps.push(map);
        // The budget of memory ends long before four thousand million maps.
        MapId(u32::try_from(self.maps.len() - 1).unwrap_or(u32::MAX))
    }

    pub fn keep_list(&mut self, kind: ListKind, items: Vec<Value<'a>>) -> Value<'a> {
        self.lists.push(List { kind, items });
        Value::List(ListId(
            u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX),
        ))
    }

    pub fn map(&self, id: MapId) -> &Map<'a> {
        &self.maps[id.0 as usize]
    }

    pub fn map_mut(&mut self, id: MapId) -> &mut Map<'a> {
        &mut self.maps[id.0 as usize]
    }

    pub fn list(&self, id: ListId) -> &List<'a> {
        &self.lists[id.0 as usize]
    }

    pub fn list_mut(&mut self, id: ListId) -> &mut List<'a> {
        &mut self.lists[id.0 as usize]
    }

    /// Copies a value out of another heap, with all that is in it.
    pub fn adopt(&mut self, other: &Heap<'_>, value: &Value<'_>) -> Value<'a> {
        match value {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Char(c) => Value::Char(*c),
            Value::Handle(handle) => Value::Handle(*handle),
            Value::Text(text) => Value::text(text.as_str()),
            Value::Number(number) => Value::Number(number.to_owned_number()),
            Value::List(id) => {
                let list = other.list(*id);
                let items = list.items.iter().map(|item| self.adopt(other, item));
                let items = items.collect();
                self.keep_list(list.kind, items)
            }
            Value::Map(id) => {
                let mut map = Map::new();
                for (key, value) in other.map(*id).entries() {
                    let key = self.adopt(other, key);
                    let value = self.adopt(other, value);
                    map.put(key, value);
                }
                Value::Map(self.keep_map(map))
            }
        }
    }

    /// Java's `equals` of two values of one class; how deep it looks is bounded.
    pub fn equals(&self, left: &Value<'a>, right: &Value<'a>, depth: usize) -> bool {
        match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Char(left), Value::Char(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => left.equals(right),
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Handle(left), Value::Handle(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => {
                left == right || depth > 0 && self.maps_equal(*left, *right, depth - 1)
            }
            (Value::List(left), Value::List(right)) => {
                left == right || depth > 0 && self.lists_equal(*left, *right, depth - 1)
            }
            _ => false,
        }
    }

    fn maps_equal(&self, left: MapId, right: MapId, depth: usize) -> bool {
        let (left, right) = (self.map(left), self.map(right));
        left.len() == right.len()
            && left.entries().iter().all(|(key, value)| {
                right
                    .get(key)
                    .is_some_and(|other| self.equals(value, other, depth))
            })
    }

    fn lists_equal(&self, left: ListId, right: ListId, depth: usize) -> bool {
        let (left, right) = (self.list(left), self.list(right));
        let comparable = |list: &List<'_>| list.kind != ListKind::Array;
        comparable(left)
            && comparable(right)
            && left.items.len() == right.items.len()
            && left
                .items
                .iter()
                .zip(&right.items)
                .all(|(left, right)| self.equals(left, right, depth))
    }
}
