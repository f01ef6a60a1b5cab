//! What a template wants changed beside its text.

use crate::lang::value::{Heap, Map, MapId, Value};

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

impl Overrides {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn read(heap: &Heap<'_>, context: MapId) -> Self {
        let request = member(heap, context, "requestOverride");
        let response = member(heap, context, "responseOverride");
        let of = |side: Option<MapId>, name| {
            let map = side.and_then(|side| member(heap, side, name));
            map.map(|map| values(heap, map)).unwrap_or_default()
        };
        let status = response.and_then(|response| heap.map(response).member("status"));
        Self {
            request_headers: of(request, "header"),
            request_query: of(request, "querystring"),
            request_path: of(request, "path"),
            response_headers: of(response, "header"),
            response_status: status.and_then(|status| text(heap, status)),
            response_data: response.map(|map| data(heap, map)).unwrap_or_default(),
        }
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

fn values(heap: &Heap<'_>, map: MapId) -> Vec<(String, Vec<String>)> {
    let named = heap.map(map).entries().filter_map(|(name, value)| {
        let values: Vec<String> = match value {
            Value::List(id) => {
                let items = heap.list(*id).items.iter();
                items.filter_map(|item| text(heap, item)).collect()
            }
            _ => text(heap, value).into_iter().collect(),
        };
        let name = text(heap, name)?;
        (!values.is_empty()).then_some((name, values))
    });
    named.collect()
}

fn data(heap: &Heap<'_>, map: MapId) -> Vec<(String, Vec<String>)> {
    // Seldom there are any: with the status and the headers alone nothing is to be read.
    let known = ["header", "status"].iter();
    let known = known.filter(|name| heap.map(map).member(name).is_some());
    if heap.map(map).len() == known.count() {
        return Vec::new();
    }
    let mut all = values(heap, map);
    all.retain(|(name, _)| name != "header" && name != "status");
    all
}

fn text(heap: &Heap<'_>, value: &Value<'_>) -> Option<String> {
    if matches!(value, Value::Null) {
        return None;
    }
    let mut out = String::new();
    heap.print(&mut out, value, VALUE_BYTES_MAX).then_some(out)
}
