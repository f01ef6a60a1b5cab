//! A config file after reading: every field present, typed, with its place.

use std::net::SocketAddr;
use std::ops::Range;

/// A value and where it stands: at the enclosing key for a default.
#[derive(Clone, Debug)]
pub struct Item {
    pub span: Range<usize>,
    pub value: Value,
}

/// What the kinds of the field table become.
#[derive(Clone, Debug)]
pub enum Value {
    /// Not written, and no default.
    Absent,
    /// The word of a `Kind::Or` was written or is the default.
    Word,
    /// A problem has been reported.
    Bad,
    Flag(bool),
    Integer(i64),
    Number(f64),
    Ms(u32),
    Bytes(u64),
    Text(String),
    /// One of the words of the field table.
    Choice(&'static str),
    Address(SocketAddr),
    List(Vec<Item>),
    /// In the order of the file.
    Map(Vec<(String, Item)>),
    Table(Table),
    /// The tag and the table it chose.
    Tagged(&'static str, Table),
}

/// The fields of a section, all of them. What is asked for as another kind than it has (because a
/// problem was reported about it) reads as zero, empty or absent: nobody will run such a config.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<(&'static str, Item)>);

impl Table {
    /// The field as it is; none only for a section that could not be read.
    pub fn get(&self, name: &str) -> Option<&Item> {
        let found = self.0.iter().find(|(field, _)| *field == name);
        debug_assert!(
            found.is_some() || self.0.is_empty(),
            "no field `{name}` in the field table"
        );
        found.map(|(_, item)| item)
    }

    fn value(&self, name: &str) -> &Value {
        self.get(name).map_or(&Value::Bad, |item| &item.value)
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Value::Flag(true))
    }

    /// None for the word.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Saturates; the field table keeps `max` in range.
    pub fn count(&self, name: &str) -> u32 {
        let number = self.integer(name).unwrap_or(0).max(0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    pub fn number(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Number(number) => *number,
            _ => 0.0,
        }
    }

    /// None for the word.
    pub fn ms_or_off(&self, name: &str) -> Option<u32> {
        match self.value(name) {
            Value::Ms(ms) => Some(*ms),
            _ => None,
        }
    }

    pub fn ms(&self, name: &str) -> u32 {
        self.ms_or_off(name).unwrap_or(0)
    }

    /// None for the word.
    pub fn bytes_or_off(&self, name: &str) -> Option<u64> {
        match self.value(name) {
            Value::Bytes(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// Saturates; the field table keeps `max` in range.
    pub fn bytes(&self, name: &str) -> u32 {
        let bytes = self.bytes_or_off(name).unwrap_or(0);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// The text of texts and choices.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Value::Text(text) => Some(text),
            Value::Choice(word) => Some(word),
            _ => None,
        }
    }

    /// As `text`; empty is none.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        match self.value(name) {
            Value::Address(address) => Some(*address),
            _ => None,
        }
    }

    pub fn list(&self, name: &str) -> &[Item] {
        match self.value(name) {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn map(&self, name: &str) -> &[(String, Item)] {
        match self.value(name) {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// None when absent.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.get(name).and_then(|item| item.table())
    }
}

impl Item {
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}
