//! What a template wants changed beside its text.

use crate::lang::value::{Heap, Map, MapId, TEXT_BYTES, Value};

/// `$context.requestOverride` and `$context.responseOverride` as the template left them. A list gives
/// several values of one name; null values are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub request_headers: Vec<(String, Vec<String>)>,
    pub request_query: Vec<(String, Vec<String>)>,
    pub request_path: Vec<(String, Vec<String>)>,
    pub response_headers: Vec<(String, Vec<String>)>,
    /// As written; the gateway decides whether it is a status.
    pub response_status: Option<String>,
    /// Members of `$context.responseOverride` that override nothing.
    pub response_data: Vec<(String, Vec<String>)>,
}

/// A value longer than this is no header.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// No message has so many headers of one name.
const VALUES_MAX: usize = 1000;

impl Overrides {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// None if it takes more than so many bytes, or a name has too many values.
    pub(super) fn read(heap: &Heap<'_>, context: MapId, bytes_max: usize) -> Option<Self> {
        let request = member(heap, context, "requestOverride");
        let response = member(heap, context, "responseOverride");
        let mut reader = Reader {
            heap,
            bytes_left: bytes_max,
        };
        let status = response.and_then(|response| heap.map(response).member("status"));
        Some(Self {
            request_headers: reader.named(request, "header")?,
            request_query: reader.named(request, "querystring")?,
            request_path: reader.named(request, "path")?,
            response_headers: reader.named(response, "header")?,
            response_status: match status {
                Some(status) => reader.text(status)?,
                None => None,
            },
            response_data: match response {
                Some(response) => reader.data(response)?,
                None => Vec::new(),
            },
        })
    }
}

/// Adds the empty maps that templates write to.
pub(super) fn prepare(heap: &mut Heap<'_>, context: MapId) {
    for (side, members) in [
        (
            "requestOverride",
            ["header", "path", "querystring"].as_slice(),
        ),
        ("responseOverride", &["header"]),
    ] {
        if heap.map(context).member(side).is_some() {
            continue;
        }
        let mut map = Map::new();
        for name in members {
            map.put(Value::Text(name), Value::Map(heap.new_map()));
        }
        let map = Value::Map(heap.keep_map(map));
        heap.map_mut(context).put(Value::Text(side), map);
    }
}

fn member(heap: &Heap<'_>, map: MapId, name: &str) -> Option<MapId> {
    match heap.map(map).member(name) {
        Some(Value::Map(id)) => Some(*id),
        _ => None,
    }
}

type Named = Vec<(String, Vec<String>)>;

/// Copies texts, of which a small template can name the same one a million times. Each method gives
/// none when there is no room for what it read.
struct Reader<'h, 'a> {
    heap: &'h Heap<'a>,
    bytes_left: usize,
}

impl Reader<'_, '_> {
    fn named(&mut self, side: Option<MapId>, name: &str) -> Option<Named> {
        match side.and_then(|side| member(self.heap, side, name)) {
            Some(map) => self.all(map, &[]),
            None => Some(Vec::new()),
        }
    }

    fn data(&mut self, map: MapId) -> Option<Named> {
        let not_data = ["header", "status"];
        // Seldom there are any: with the status and the headers alone nothing is to be read.
        let members = self.heap.map(map);
        let known = not_data
            .iter()
            .filter(|name| members.member(name).is_some());
        if members.len() == known.count() {
            return Some(Vec::new());
        }
        self.all(map, &not_data)
    }

    fn all(&mut self, map: MapId, left_out: &[&str]) -> Option<Named> {
        let mut all = Vec::new();
        for (name, value) in self.heap.map(map).entries() {
            if name.as_text().is_some_and(|name| left_out.contains(&name)) {
                continue;
            }
            let values = self.values(value)?;
            let name = self.text(name)?;
            if let Some(name) = name.filter(|_| !values.is_empty()) {
                all.push((name, values));
            }
        }
        Some(all)
    }

    fn values(&mut self, value: &Value<'_>) -> Option<Vec<String>> {
        let Value::List(id) = value else {
            return Some(self.text(value)?.into_iter().collect());
        };
        let items = self.heap.list(*id).items;
        if items.len() > VALUES_MAX {
            return None;
        }
        let mut values = Vec::new();
        for item in items {
            values.extend(self.text(item)?);
        }
        Some(values)
    }

    /// Null has no text, and neither has what is too long.
    fn text(&mut self, value: &Value<'_>) -> Option<Option<String>> {
        self.bytes_left = self.bytes_left.checked_sub(TEXT_BYTES)?;
        let is_long = value
            .as_text()
            .is_some_and(|text| text.len() > VALUE_BYTES_MAX);
        if is_long || matches!(value, Value::Null) {
            return Some(None);
        }
        let mut out = String::new();
        let fits = self.heap.print(&mut out, value, VALUE_BYTES_MAX);
        self.bytes_left = self.bytes_left.checked_sub(out.len())?;
        Some(fits.then_some(out))
    }
}
