//! Values as records: JSON with a format number, read by newer and older versions of daemun.
//!
//! Two kinds of change happen to a type over the years. A new optional field changes nothing here:
//! older records lack it, and an older daemun that rewrites a newer record keeps the fields it does
//! not know. A change of meaning raises `Record::FORMAT` and comes with a step in
//! `Record::upgrade`; a daemun that meets a format above its own refuses the record.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::store::{Change, Entry, Expect, Key, Prefix, StoreError, View};

/// A type that is kept. It serialises to a JSON object, ignores fields it does not know (no
/// `deny_unknown_fields`) and has no field named `@format`.
pub trait Record: Serialize + DeserializeOwned {
    /// The `Key::kind` of these records.
    const KIND: &'static str;
    const FORMAT: u64 = 1;

    /// Turns the fields of the format `found` into those of `found + 1`.
    ///
    /// # Errors
    /// What is wrong with the fields.
    fn upgrade(found: u64, fields: &mut Map<String, Value>) -> Result<(), String> {
        let _ = fields;
        Err(format!("no way to read format {found}"))
    }
}

/// A value as it was read, with what is needed to write it back.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub key: Key,
    pub version: u64,
    pub value: T,
    /// For the fields that `T` does not know.
    original: Vec<u8>,
}

impl<T: Record> Stored<T> {
    /// # Errors
    /// `NewerRecord` or `Malformed`.
    pub fn decode(entry: Entry) -> Result<Self, StoreError> {
        let (value, _) = decode(&entry.key, &entry.bytes)?;
        Ok(Self {
            key: entry.key,
            version: entry.version,
            value,
            original: entry.bytes,
        })
    }

    /// The bytes of `value` as it is now, with the fields that nobody here knows.
    ///
    /// # Errors
    /// `Malformed` when `T` is no JSON object.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let (before, fields) = decode::<T>(&self.key, &self.original)?;
        let known = object(&self.key, &before)?;
        let mut now = object(&self.key, &self.value)?;
        if let Value::Object(fields) = &fields {
            keep_unknown(fields, &known, &mut now);
        }
        Ok(with_format::<T>(now))
    }
}

/// The bytes of a new record.
///
/// # Errors
/// `Malformed` when `T` is no JSON object.
pub fn encode<T: Record>(key: &Key, value: &T) -> Result<Vec<u8>, StoreError> {
    Ok(with_format::<T>(object(key, value)?))
}

impl View<'_> {
    /// # Errors
    /// The engine's, or those of `Stored::decode`.
    pub fn find<T: Record>(&self, key: &Key) -> Result<Option<Stored<T>>, StoreError> {
        self.get(key)?.map(Stored::decode).transpose()
    }

    /// A page of values, and where the next one starts.
    ///
    /// # Errors
    /// As `find`.
    pub fn find_all<T: Record>(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<(Vec<Stored<T>>, Option<Key>), StoreError> {
        let page = self.list(prefix, after, limit)?;
        Ok((decode_all(page.entries)?, page.next))
    }
}

impl Change<'_> {
    /// Writes a record that must not be there yet.
    ///
    /// # Errors
    /// `Conflict` when it is.
    pub fn create<T: Record>(&mut self, key: &Key, value: &T) -> Result<(), StoreError> {
        let bytes = encode(key, value)?;
        self.put(key, Expect::Absent, &bytes)
    }

    /// Writes a record back that was read, in this change or before it.
    ///
    /// # Errors
    /// `Conflict` when somebody wrote it since.
    pub fn update<T: Record>(&mut self, stored: &Stored<T>) -> Result<(), StoreError> {
        let bytes = stored.encode()?;
        self.put(&stored.key, Expect::Version(stored.version), &bytes)
    }
}

fn decode_all<T: Record>(entries: Vec<Entry>) -> Result<Vec<Stored<T>>, StoreError> {
    entries.into_iter().map(Stored::decode).collect()
}

/// The value, and all fields it was read from in today's format.
fn decode<T: Record>(key: &Key, bytes: &[u8]) -> Result<(T, Value), StoreError> {
    let malformed = |what: String| StoreError::Malformed {
        key: key.clone(),
        what,
    };
    let mut fields: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let format = fields.shift_remove(FORMAT_FIELD);
    let Some(mut format) = format.as_ref().and_then(Value::as_u64) else {
        return Err(malformed("no format number".to_owned()));
    };
    if format > T::FORMAT {
        return Err(StoreError::NewerRecord {
            key: key.clone(),
            found: format,
            known: T::FORMAT,
        });
    }
    while format < T::FORMAT {
        T::upgrade(format, &mut fields).map_err(malformed)?;
        format += 1;
    }
    let fields = Value::Object(fields);
    let value = T::deserialize(&fields).map_err(|error| malformed(error.to_string()))?;
    Ok((value, fields))
}

fn object<T: Record>(key: &Key, value: &T) -> Result<Map<String, Value>, StoreError> {
    let what = match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => return Ok(fields),
        Ok(_) => "not an object".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Malformed {
        key: key.clone(),
        what,
    })
}

/// Copies into `now` what `fields` has and `known`, the same record as we understand it, has not.
///
/// Objects are looked into as long as all three have them; what we know and deleted stays deleted.
/// Inside lists nothing is kept, since items have no names to find them by.
fn keep_unknown(
    fields: &Map<String, Value>,
    known: &Map<String, Value>,
    now: &mut Map<String, Value>,
) {
    for (name, value) in fields {
        match (value, known.get(name)) {
            (_, None) => {
                now.entry(name).or_insert_with(|| value.clone());
            }
            (Value::Object(fields), Some(Value::Object(known))) => {
                if let Some(Value::Object(now)) = now.get_mut(name) {
                    keep_unknown(fields, known, now);
                }
            }
            _ => {}
        }
    }
}

fn with_format<T: Record>(fields: Map<String, Value>) -> Vec<u8> {
    let mut whole = Map::with_capacity(fields.len() + 1);
    whole.insert(FORMAT_FIELD.to_owned(), T::FORMAT.into());
    whole.extend(fields);
    Value::Object(whole).to_string().into_bytes()
}

const FORMAT_FIELD: &str = "@format";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Api {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default)]
        variables: BTreeMap<String, String>,
        #[serde(default)]
        nested: Nested,
    }

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Nested {
        #[serde(default)]
        depth: u8,
    }

    impl Record for Api {
        const KIND: &'static str = "api";
        const FORMAT: u64 = 3;

        fn upgrade(found: u64, fields: &mut Map<String, Value>) -> Result<(), String> {
            match found {
                1 => {
                    let title = fields.remove("title").ok_or("no title")?;
                    fields.insert("name".to_owned(), title);
                }
                2 => {
                    fields.remove("colour");
                }
                _ => return Err(format!("unknown format {found}")),
            }
            Ok(())
        }
    }

    fn stored(text: &str) -> Result<Stored<Api>, StoreError> {
        Stored::decode(Entry {
            key: Key::new("1", "r", Api::KIND, "a"),
            version: 4,
            bytes: text.as_bytes().to_vec(),
        })
    }

    fn written(stored: &Stored<Api>) -> String {
        String::from_utf8(stored.encode().unwrap()).unwrap()
    }

    #[test]
    fn a_value_comes_back_as_it_was() {
        let key = Key::new("1", "r", Api::KIND, "a");
        let api = Api {
            name: "pets".to_owned(),
            ..Api::default()
        };
        let bytes = encode(&key, &api).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"@format":3,"name":"pets","variables":{},"nested":{"depth":0}}"#
        );
        let entry = Entry {
            key,
            version: 1,
            bytes,
        };
        assert_eq!(Stored::<Api>::decode(entry).unwrap().value, api);
    }

    #[test]
    fn fields_that_nobody_knows_survive_and_deleted_ones_do_not() {
        let mut api = stored(
            r#"{"@format":3,"name":"a","description":"d","new":[1],
                "variables":{"x":"1","y":"2"},"nested":{"depth":1,"new":{"deep":true}}}"#,
        )
        .unwrap();
        api.value.description = None;
        api.value.variables.remove("x");
        api.value.nested.depth = 2;
        assert_eq!(
            written(&api),
            r#"{"@format":3,"name":"a","variables":{"y":"2"},"nested":{"depth":2,"new":{"deep":true}},"new":[1]}"#
        );
    }

    #[test]
    fn older_formats_are_read_step_by_step() {
        let api = stored(r#"{"@format":1,"title":"old","colour":"red"}"#).unwrap();
        assert_eq!(api.value.name, "old");
        assert_eq!(
            written(&api),
            r#"{"@format":3,"name":"old","variables":{},"nested":{"depth":0}}"#
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let newer = stored(r#"{"@format":4,"name":"a"}"#).unwrap_err();
        assert!(matches!(
            newer,
            StoreError::NewerRecord {
                found: 4,
                known: 3,
                ..
            }
        ));
        for text in [
            "",
            "[]",
            r#"{"name":"a"}"#,
            r#"{"@format":3}"#,
            r#"{"@format":1}"#,
            r#"{"@format":0}"#,
        ] {
            let error = stored(text).unwrap_err();
            assert!(
                matches!(error, StoreError::Malformed { .. }),
                "{text}: {error}"
            );
        }
    }
}
