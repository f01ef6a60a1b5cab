//! Where the maps and lists of one request live.

use std::cell::Cell;

use super::map::same as same_name;
use super::{Map, Members, Texts, Value};

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

/// A list that can be written.
#[derive(Clone, Debug)]
pub struct List<'a> {
    pub kind: ListKind,
    pub items: Vec<Value<'a>>,
}

/// A list to look at, wherever its items are.
#[derive(Clone, Copy, Debug)]
pub struct Items<'h, 'a> {
    pub kind: ListKind,
    pub items: &'h [Value<'a>],
}

/// All maps and lists. Those that were read lie one behind the other in `read`, where they cost
/// nothing of their own; one that is written moves out first.
#[derive(Debug)]
pub struct Heap<'a> {
    texts: &'a Texts,
    places: Vec<Place>,
    /// Those that are not in `read`.
    maps: Vec<Map<'a>>,
    lists: Vec<List<'a>>,
    read: Vec<Value<'a>>,
    /// Keys of the maps that were read. Maps with the same keys have them in common.
    keys: Vec<Value<'a>>,
    /// Bytes of the maps and lists that are not in `read`.
    kept_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    ReadMap(Shape, u32),
    /// Where it begins, and how many items it has.
    ReadList(u32, u32),
    /// Which of the maps.
    Map(usize),
    List(usize),
}

/// Keys of maps: where they begin, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    start: u32,
    length: u32,
}

impl Shape {
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// The first of these keys.
    pub fn first(self, length: usize) -> Self {
        let length = u32::try_from(length).map_or(self.length, |length| length.min(self.length));
        Self { length, ..self }
    }
}

/// Where a map is that was read, until it is written.
#[derive(Clone, Copy, Debug)]
pub struct ReadMap {
    shape: Shape,
    start: u32,
}

impl ReadMap {
    pub const NONE: Self = Self {
        shape: Shape {
            start: 0,
            length: 0,
        },
        start: 0,
    };
}

/// Where one key was found the last time it was looked for.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    shape_start: u32,
    place: u32,
}

impl Hint {
    pub const NONE: Self = Self {
        shape_start: u32::MAX,
        place: u32::MAX,
    };
}

impl<'a> Heap<'a> {
    /// `texts` will have the texts that are made on the way.
    pub fn new(texts: &'a Texts) -> Self {
        Self {
            texts,
            places: Vec::new(),
            maps: Vec::new(),
            lists: Vec::new(),
            read: Vec::new(),
            keys: Vec::new(),
            kept_bytes: 0,
        }
    }

    /// Bytes of all that was kept so far, texts included. What is written later is not counted.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.places[..])
            + size_of_val(&self.read[..])
            + size_of_val(&self.keys[..])
            + self.kept_bytes
            + self.texts.bytes()
    }

    /// Keeps a text that nothing else owns.
    pub fn text(&self, text: String) -> Value<'a> {
        Value::Text(self.keep_text(text))
    }

    pub(super) fn keep_text(&self, text: String) -> &'a str {
        self.texts.keep(text)
    }

    pub fn new_map(&mut self) -> MapId {
        self.keep_map(Map::new())
    }

    pub fn keep_map(&mut self, map: Map<'a>) -> MapId {
        self.kept_bytes += map.members().bytes();
        self.maps.push(map);
        MapId(self.keep(Place::Map(self.maps.len() - 1)))
    }

    pub fn keep_list(&mut self, kind: ListKind, items: Vec<Value<'a>>) -> Value<'a> {
        self.kept_bytes += size_of::<List<'_>>() + size_of_val(&items[..]);
        self.lists.push(List { kind, items });
        Value::List(ListId(self.keep(Place::List(self.lists.len() - 1))))
    }

    #[inline(always)]
    fn keep(&mut self, place: Place) -> u32 {
        self.places.push(place);
        // The budget of memory ends long before four thousand million maps.
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// Room for what is about to be read.
    pub(super) fn reserve(&mut self, places: usize, values: usize, keys: usize) {
        self.places.reserve(places);
        self.read.reserve(values);
        self.keys.reserve(keys);
    }

    /// The name that maps of this shape have at a place.
    #[inline(always)]
    pub(super) fn name(&self, shape: Shape, place: usize) -> Option<&'a str> {
        let keys = self.keys.get(shape.start as usize..)?;
        keys.get(..shape.len())?.get(place)?.as_text()
    }

    /// The names of maps of this shape.
    pub(super) fn names(&self, shape: Shape) -> &[Value<'a>] {
        part(&self.keys, shape.start, shape.length)
    }

    /// Keeps keys for maps that have them; none beyond what 32 bits count.
    pub(super) fn keep_shape(&mut self, names: &[Value<'a>]) -> Option<Shape> {
        let start = u32::try_from(self.keys.len()).ok()?;
        let length = u32::try_from(names.len()).ok()?;
        self.keys.extend_from_slice(names);
        Some(Shape { start, length })
    }

    #[inline(always)]
    pub(super) fn keep_read_map(&mut self, shape: Shape, values: &[Value<'a>]) -> Value<'a> {
        match u32::try_from(self.read.len()) {
            Ok(start) => {
                self.read.extend_from_slice(values);
                Value::Map(MapId(self.keep(Place::ReadMap(shape, start))))
            }
            Err(_) => self.keep_far_map(shape, values),
        }
    }

    #[cold]
    fn keep_far_map(&mut self, shape: Shape, values: &[Value<'a>]) -> Value<'a> {
        let keys = part(&self.keys, shape.start, shape.length).to_vec();
        Value::Map(self.keep_map(Map::plain(keys, values.to_vec())))
    }

    #[inline(always)]
    pub(super) fn keep_read_list(&mut self, items: &[Value<'a>]) -> Value<'a> {
        let place = (u32::try_from(self.read.len()), u32::try_from(items.len()));
        match place {
            (Ok(start), Ok(length)) => {
                self.read.extend_from_slice(items);
                Value::List(ListId(self.keep(Place::ReadList(start, length))))
            }
            _ => self.keep_list(ListKind::Json, items.to_vec()),
        }
    }

    #[inline]
    pub fn map(&self, id: MapId) -> Members<'_, 'a> {
        match &self.places[id.0 as usize] {
            Place::ReadMap(shape, start) => Members::plain(
                part(&self.keys, shape.start, shape.length),
                part(&self.read, *start, shape.length),
            ),
            Place::Map(place) => self.maps[*place].members(),
            Place::ReadList(..) | Place::List(_) => Members::plain(&[], &[]),
        }
    }

    /// A member by its name.
    #[inline(never)]
    pub fn member(&self, id: MapId, name: &str) -> Option<&Value<'a>> {
        let Some(Place::ReadMap(shape, start)) = self.places.get(id.0 as usize) else {
            return self.written_member(id, name);
        };
        let is_it = |key: &Value<'_>| matches!(key, Value::Text(key) if same_name(key, name));
        let place = self.names(*shape).iter().position(is_it)?;
        self.read.get(*start as usize + place)
    }

    #[inline(never)]
    fn written_member(&self, id: MapId, name: &str) -> Option<&Value<'a>> {
        self.map(id).member(name)
    }

    /// Where a map is that was read and not written since.
    #[inline(always)]
    pub fn read_map(&self, id: MapId) -> ReadMap {
        match self.places.get(id.0 as usize) {
            Some(Place::ReadMap(shape, start)) => ReadMap {
                shape: *shape,
                start: *start,
            },
            _ => ReadMap::NONE,
        }
    }

    /// A member of such a map, if it is where it was the last time.
    #[inline(always)]
    pub fn hinted_in(&self, map: ReadMap, hint: &Cell<Hint>) -> Option<&Value<'a>> {
        let Hint { shape_start, place } = hint.get();
        if shape_start != map.shape.start || place >= map.shape.length {
            return None;
        }
        self.read.get((map.start + place) as usize)
    }

    /// A member whose name is always the same for this hint.
    #[inline(always)]
    pub fn hinted_member(&self, id: MapId, name: &str, hint: &Cell<Hint>) -> Option<&Value<'a>> {
        if let Place::ReadMap(shape, start) = &self.places[id.0 as usize]
            && let Hint { shape_start, place } = hint.get()
            && shape_start == shape.start
            && place < shape.length
        {
            return self.read.get((start + place) as usize);
        }
        self.hint_at(id, name, hint)
    }

    #[inline(never)]
    fn hint_at(&self, id: MapId, name: &str, hint: &Cell<Hint>) -> Option<&Value<'a>> {
        let map = self.map(id);
        let place = map.place(name)?;
        if let Place::ReadMap(shape, _) = &self.places[id.0 as usize] {
            hint.set(Hint {
                shape_start: shape.start,
                place: u32::try_from(place).ok()?,
            });
        }
        map.values().get(place)
    }

    pub fn map_mut(&mut self, id: MapId) -> &mut Map<'a> {
        let at = id.0 as usize;
        let place = match self.places[at] {
            Place::Map(place) => place,
            Place::ReadMap(shape, start) => {
                let keys = part(&self.keys, shape.start, shape.length).to_vec();
                let values = part(&self.read, start, shape.length).to_vec();
                self.maps.push(Map::plain(keys, values));
                self.places[at] = Place::Map(self.maps.len() - 1);
                self.maps.len() - 1
            }
            Place::ReadList(..) | Place::List(_) => unreachable!("its id is that of a map"),
        };
        &mut self.maps[place]
    }

    pub fn list(&self, id: ListId) -> Items<'_, 'a> {
        let (kind, items) = match &self.places[id.0 as usize] {
            Place::ReadList(start, length) => (ListKind::Json, part(&self.read, *start, *length)),
            Place::List(place) => (self.lists[*place].kind, &self.lists[*place].items[..]),
            Place::ReadMap(..) | Place::Map(_) => (ListKind::Plain, &[][..]),
        };
        Items { kind, items }
    }

    pub fn list_mut(&mut self, id: ListId) -> &mut List<'a> {
        let at = id.0 as usize;
        let place = match self.places[at] {
            Place::List(place) => place,
            Place::ReadList(start, length) => {
                self.lists.push(List {
                    kind: ListKind::Json,
                    items: part(&self.read, start, length).to_vec(),
                });
                self.places[at] = Place::List(self.lists.len() - 1);
                self.lists.len() - 1
            }
            Place::ReadMap(..) | Place::Map(_) => unreachable!("its id is that of a list"),
        };
        &mut self.lists[place]
    }

    /// Java's `equals` of two values of one class; how deep it looks is bounded. Each pair of values
    /// takes one of `visits`, long texts take more; `None` when they are used up. Without them two small
    /// values whose parts are in common, level by level, would be compared without an end.
    pub fn equals(
        &self,
        left: &Value<'_>,
        right: &Value<'_>,
        depth: usize,
        visits: &mut usize,
    ) -> Option<bool> {
        *visits = visits.checked_sub(1)?;
        Some(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Char(left), Value::Char(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => left.equals(right),
            (Value::Text(left), Value::Text(right)) => {
                let is_long_way = left.len() == right.len();
                let steps = if is_long_way { left.len() / 64 } else { 0 };
                *visits = visits.checked_sub(steps)?;
                left == right
            }
            (Value::Handle(left), Value::Handle(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => {
                left == right || depth > 0 && self.maps_equal(*left, *right, depth - 1, visits)?
            }
            (Value::List(left), Value::List(right)) => {
                left == right || depth > 0 && self.lists_equal(*left, *right, depth - 1, visits)?
            }
            _ => false,
        })
    }

    fn maps_equal(
        &self,
        left: MapId,
        right: MapId,
        depth: usize,
        visits: &mut usize,
    ) -> Option<bool> {
        let (left, right) = (self.map(left), self.map(right));
        if left.len() != right.len() {
            return Some(false);
        }
        for (key, value) in left.entries() {
            *visits = visits.checked_sub(right.steps_to(key))?;
            match right.get(key) {
                Some(other) if self.equals(value, other, depth, visits)? => {}
                _ => return Some(false),
            }
        }
        Some(true)
    }

    fn lists_equal(
        &self,
        left: ListId,
        right: ListId,
        depth: usize,
        visits: &mut usize,
    ) -> Option<bool> {
        let (left, right) = (self.list(left), self.list(right));
        let comparable = |list: Items<'_, '_>| list.kind != ListKind::Array;
        if !comparable(left) || !comparable(right) || left.items.len() != right.items.len() {
            return Some(false);
        }
        for (left, right) in left.items.iter().zip(right.items) {
            if !self.equals(left, right, depth, visits)? {
                return Some(false);
            }
        }
        Some(true)
    }
}

fn part<'h, 'a>(read: &'h [Value<'a>], start: u32, length: u32) -> &'h [Value<'a>] {
    let start = start as usize;
    &read[start..start + length as usize]
}
