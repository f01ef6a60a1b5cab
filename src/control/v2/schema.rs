//! Model operations.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{self, Noun, given};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateModel", create),
    ("GetModel", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetModels", |desk, input| NOUN.list(desk, input)),
    ("UpdateModel", update),
    ("DeleteModel", |desk, input| NOUN.delete(desk, input)),
];

const NOUN: Noun = Noun {
    kind: kind::MODEL,
    id: "modelId",
    title: "Model",
    above: &[],
};

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let record = given(input, &["apiId"]);
    check(desk, input, &record)?;
    NOUN.create(desk, input, record)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    record.extend(given(input, &["apiId", "modelId"]));
    check(desk, input, &record)?;
    NOUN.put(desk, input, record)
}

fn check(desk: &Desk<'_>, input: &Input, record: &Record) -> Outcome<()> {
    let (name, own) = (
        text(record, "name"),
        input.text("modelId").unwrap_or_default(),
    );
    let fine = |c: char| c.is_ascii_alphanumeric();
    if !name.chars().all(fine) {
        return Err(Error::bad_request("Model name must be alphanumeric"));
    }
    if serde_json::from_str::<Value>(text(record, "schema")).is_err() {
        return Err(Error::bad_request("Invalid model schema specified"));
    }
    for (_, other) in desk.list(kind::MODEL, &NOUN.below(input))? {
        if text(&other, "name") == name && text(&other, "modelId") != own {
            return Err(Error::conflict("Model name already exists for this API"));
        }
    }
    Ok(())
}
