//! Patch operations of the first service: paths, escapes, and a table for each resource of what
//! may be patched and how.

use serde_json::{Value, json};

use crate::control::desk::{Record, within};
use crate::control::error::{Error, Outcome};
use crate::control::protocol::Input;

/// One operation as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    pub op: String,
    pub path: String,
    pub value: Option<String>,
    pub from: Option<String>,
}

impl Patch {
    /// The operations of a request in their order.
    pub fn all(input: &Input) -> Vec<Self> {
        let sent = input
            .members
            .get("patchOperations")
            .and_then(Value::as_array);
        let sent = sent.into_iter().flatten();
        let patches = sent.map(|patch| {
            let text = |key: &str| patch[key].as_str().map(str::to_owned);
            Self {
                op: text("op").unwrap_or_default(),
                path: text("path").unwrap_or_else(|| "null".to_owned()),
                value: text("value"),
                from: text("from"),
            }
        });
        patches.collect()
    }

    /// `/a/b~1c` as `a` and `b/c`.
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').skip(1);
        parts
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect()
    }

    pub fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }
}

/// What stands behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    Text,
    /// Anything but `true` is false.
    Flag,
    Integer,
    /// A whole number that is not less than the first and not more than the second.
    Within(i64, i64),
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list in which the entry itself is the last part of the path.
    Entry,
    /// A list to which the value is added or from which it is taken.
    List,
}

/// A path, `*` standing for any one segment, what is behind it and the operations it takes.
pub type Row = (&'static str, As, &'static [&'static str]);

/// The two families of messages that AWS has.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    /// All paths that there are stand in the message.
    Listed(&'static str),
    Plain,
}

/// What of a resource may be patched.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub family: Family,
    pub rows: &'static [Row],
}

// AWS knows `move` and `test` by name and takes them nowhere; `copy` only promotes a canary.
pub const REPLACE: &[&str] = &["replace"];
pub const ANY: &[&str] = &["add", "remove", "replace"];
pub const LIST: &[&str] = &["add", "remove"];

impl Rules {
    /// Applies all operations to `record`, which is of no use when one fails.
    ///
    /// # Errors
    /// The first operation that cannot be applied, in the words of the resource's family.
    pub fn apply(&self, record: &mut Record, patches: &[Patch]) -> Outcome<()> {
        patches
            .iter()
            .try_for_each(|patch| self.apply_one(record, patch))
    }

    pub fn apply_one(&self, record: &mut Record, patch: &Patch) -> Outcome<()> {
        let segments = patch.segments();
        let fits = |(path, _, _): &&Row| {
            let parts: Vec<&str> = path.split('/').skip(1).collect();
            let mut pairs = parts.iter().zip(&segments);
            parts.len() == segments.len()
                && pairs.all(|(part, segment)| *part == "*" || part == segment)
        };
        let Some((_, kind, ops)) = self.rows.iter().find(fits) else {
            return Err(self.unknown_path(patch));
        };
        if !ops.contains(&patch.op.as_str()) {
            return Err(self.wrong_op(patch, ops));
        }
        set(record, &segments, *kind, patch)
    }

    /// An operation that no path of the resource takes is told first.
    fn unknown_path(&self, patch: &Patch) -> Error {
        let Patch { op, path, .. } = patch;
        let takes = |(_, _, ops): &Row| ops.contains(&op.as_str());
        if !self.rows.iter().any(takes) && matches!(self.family, Family::Listed(_)) {
            return self.wrong_op(patch, &[]);
        }
        Error::bad_request(match self.family {
            Family::Plain => format!("Invalid patch path {path}"),
            Family::Listed(paths) => format!(
                "Invalid patch path  '{path}' specified for op '{op}'. Must be one of: [{paths}]"
            ),
        })
    }

    fn wrong_op(&self, patch: &Patch, ops: &[&str]) -> Error {
        let Patch { op, path, .. } = patch;
        Error::bad_request(match self.family {
            Family::Plain => {
                let ops = ops.join(", ");
                format!("Invalid patch operation specified. Must be one of: [{ops}]")
            }
            Family::Listed(_) => format!(
                "Invalid patch path  '{path}' specified for op '{op}'. Please choose supported operations"
            ),
        })
    }
}

fn set(record: &mut Record, segments: &[String], kind: As, patch: &Patch) -> Outcome<()> {
    let Some((last, above)) = segments.split_last() else {
        return Ok(());
    };
    let is_removal = patch.op == "remove";
    match (kind, above.split_last()) {
        (As::Entry, Some((list, above))) => descend(record, above, |parent| {
            let swapped = (patch.op == "replace").then(|| patch.text());
            set_entry(parent, list, last, is_removal, swapped);
        }),
        (As::List, _) => descend(record, above, |parent| {
            set_entry(parent, last, patch.text(), is_removal, None);
        }),
        _ if is_removal => remove(record, above, last),
        _ => {
            let value = value(kind, patch)?;
            descend(record, above, |parent| {
                parent.insert(last.clone(), value);
            });
        }
    }
    Ok(())
}

/// What is empty afterwards goes as well, as AWS has it.
fn remove(record: &mut Record, above: &[String], last: &str) {
    let Some((name, rest)) = above.split_first() else {
        record.shift_remove(last);
        return;
    };
    if let Some(Value::Object(below)) = record.get_mut(name) {
        remove(below, rest, last);
        if below.is_empty() {
            record.shift_remove(name);
        }
    }
}

/// New entries go to the end of a list.
fn set_entry(
    parent: &mut Record,
    list: &str,
    entry: &str,
    is_removal: bool,
    swapped: Option<&str>,
) {
    let entries = parent.entry(list).or_insert_with(|| json!([]));
    let Value::Array(entries) = entries else {
        return;
    };
    let at = entries.iter().position(|other| other == entry);
    match (at, is_removal) {
        (Some(at), true) => {
            entries.remove(at);
        }
        (Some(at), false) => {
            if let Some(swapped) = swapped {
                entries[at] = swapped.into();
            }
        }
        (None, true) => {}
        (None, false) => entries.push(swapped.unwrap_or(entry).into()),
    }
}

/// What a patch wants to stand at its path.
///
/// # Errors
/// It cannot stand there.
pub fn value(kind: As, patch: &Patch) -> Outcome<Value> {
    let (text, path) = (patch.text(), &patch.path);
    let wrong = |hint: &str| {
        let message = format!("Invalid value '{text}' for path {path}{hint}");
        Err(Error::bad_request(message))
    };
    Ok(match kind {
        As::Flag => (text == "true").into(),
        As::Integer => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => return wrong(""),
        },
        As::Within(least, most) => match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => number.into(),
            _ => return wrong(&format!(". Must be between {least} and {most}")),
        },
        As::Number => match text.parse::<f64>() {
            // JSON has no other.
            Ok(number) if number.is_finite() => number.into(),
            _ => return wrong(""),
        },
        As::OneOf(words) if !words.contains(&text) => {
            let words = words.iter().filter(|word| !word.is_empty()).copied();
            let words = words.collect::<Vec<_>>().join(", ");
            return wrong(&format!(". Must be one of: [{words}]"));
        }
        _ => text.into(),
    })
}

/// Changes the object at a path, made where there is none.
fn descend<T>(record: &mut Record, path: &[String], change: impl FnOnce(&mut Record) -> T) -> T {
    // A type of its own for each depth would never end.
    let change: Box<dyn FnOnce(&mut Record) -> T + '_> = Box::new(change);
    match path.split_first() {
        None => change(record),
        Some((name, rest)) => within(record, name, |below| descend(below, rest, change)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        family: Family::Listed("/name, /types/*"),
        rows: &[
            ("/name", As::Text, REPLACE),
            ("/flags/*", As::Flag, ANY),
            ("/types/*", As::Entry, ANY),
        ],
    };

    fn patched(op: &str, path: &str, value: Option<&str>) -> String {
        let mut record = Record::from_iter([("types".to_owned(), json!(["a/b", "c"]))]);
        let patch = Patch {
            op: op.to_owned(),
            path: path.to_owned(),
            value: value.map(str::to_owned),
            from: None,
        };
        match RULES.apply(&mut record, &[patch]) {
            Ok(()) => Value::Object(record).to_string(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn a_map_goes_with_its_last_entry() {
        let mut record = Record::from_iter([("flags".to_owned(), json!({ "a~b": true }))]);
        let patch = Patch {
            op: "remove".to_owned(),
            path: "/flags/a~0b".to_owned(),
            ..Patch::default()
        };
        RULES.apply(&mut record, &[patch]).unwrap();
        assert!(record.is_empty());
    }

    #[test]
    fn each_operation_does_what_its_row_says() {
        let check = |op: &str, path: &str, value: Option<&str>, expected: &str| {
            assert_eq!(patched(op, path, value), expected, "{op} {path}");
        };
        check(
            "replace",
            "/name",
            Some("x"),
            r#"{"types":["a/b","c"],"name":"x"}"#,
        );
        check(
            "add",
            "/flags/a~1b",
            Some("true"),
            r#"{"types":["a/b","c"],"flags":{"a/b":true}}"#,
        );
        check("remove", "/types/a~1b", None, r#"{"types":["c"]}"#);
        check("add", "/types/d", None, r#"{"types":["a/b","c","d"]}"#);
        check("remove", "/flags/x", None, r#"{"types":["a/b","c"]}"#);
        check("replace", "/types/c", Some("e"), r#"{"types":["a/b","e"]}"#);
        check(
            "add",
            "/name",
            None,
            "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
        );
        for op in ["move", "copy", "test"] {
            let message = format!(
                "Invalid patch path  '/x' specified for op '{op}'. Please choose supported operations"
            );
            check(op, "/x", None, &message);
        }
        check(
            "replace",
            "/x",
            None,
            "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/name, /types/*]",
        );
    }
}
