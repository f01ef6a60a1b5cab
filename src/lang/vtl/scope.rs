//! What a template can see of a request.

use std::borrow::Cow;

use crate::lang::value::{Heap, ListKind, Map, MapId, Number, Texts, Value, read};

/// Everything a template can see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// `$input.body`; `{}` when empty. It has to be UTF-8 only if the template looks at it, and is
    /// read as JSON only for `$input.json` and `$input.path`.
    pub body: &'a [u8],
    /// `$input.params`, decoded. Headers that the gateway drops are not among them. Of a name that is
    /// given twice the last value counts.
    pub path: &'a [(&'a str, &'a str)],
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [(&'a str, &'a str)],
    /// `$context`, a map; its `requestOverride` and `responseOverride` are added.
    pub context: &'a [(Cow<'a, str>, Datum<'a>)],
    pub stage_variables: &'a [(&'a str, &'a str)],
}

/// A value of `$context`.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Map(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> From<&'a str> for Datum<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> Datum<'a> {
    /// A map from JSON, for those who try a template.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read_map(text: &str) -> Result<Vec<(Cow<'a, str>, Self)>, String> {
        let texts = Texts::new();
        let mut heap = Heap::new(&texts);
        let value = read(&mut heap, text).map_err(|error| error.to_string())?;
        match Self::taken(&heap, &value) {
            Self::Map(entries) => Ok(entries),
            _ => Err("a JSON object expected".to_owned()),
        }
    }

    fn taken(heap: &Heap<'_>, value: &Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match number.as_integer().map(i64::try_from) {
                Some(Ok(value)) => Self::Integer(value),
                _ => Self::Float(number.as_double()),
            },
            Value::Text(text) => Self::Text(Cow::Owned(text.to_string())),
            Value::List(id) => {
                let items = heap.list(*id).items.iter();
                Self::List(items.map(|item| Self::taken(heap, item)).collect())
            }
            Value::Map(id) => {
                let entries = heap.map(*id).entries().filter_map(|(name, value)| {
                    let name = Cow::Owned(name.as_text()?.to_owned());
                    Some((name, Self::taken(heap, value)))
                });
                Self::Map(entries.collect())
            }
            Value::Null | Value::Char(_) | Value::Handle(_) => Self::Null,
        }
    }

    pub(super) fn keep(&'a self, heap: &mut Heap<'a>) -> Value<'a> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Number(Number::from_i64(*value)),
            Self::Float(value) => Value::Number(Number::Double(*value)),
            Self::Text(text) => Value::Text(text),
            Self::List(items) => {
                let items = items.iter().map(|item| item.keep(heap)).collect();
                heap.keep_list(ListKind::Json, items)
            }
            Self::Map(entries) => Value::Map(keep_map(heap, entries)),
        }
    }
}

pub(super) fn keep_map<'a>(heap: &mut Heap<'a>, entries: &'a [(Cow<'a, str>, Datum<'a>)]) -> MapId {
    let mut map = Map::new();
    for (name, value) in entries {
        let value = value.keep(heap);
        map.put(Value::Text(name), value);
    }
    heap.keep_map(map)
}

pub(super) fn keep_texts<'a>(heap: &mut Heap<'a>, entries: &[(&'a str, &'a str)]) -> MapId {
    let mut map = Map::new();
    for (name, value) in entries {
        map.put(Value::Text(name), Value::Text(value));
    }
    heap.keep_map(map)
}
