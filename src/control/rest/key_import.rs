//! `ImportApiKeys`: keys from a file of comma-separated values, and the plans they belong to.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::rest::{csv, key, plan};
use crate::model::quota;

/// Imports all that can be; what cannot is a warning, and with `failOnWarnings` nothing is kept.
pub fn import(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let body = std::str::from_utf8(&input.payload)
        .map_err(|_| Error::bad_request("Invalid API Key file: it must be text in UTF-8"))?;
    let records = csv::records(body).map_err(|line| {
        Error::bad_request(format!(
            "Invalid API Key file: the quote of line {line} is not closed"
        ))
    })?;
    let Some((head, rows)) = records.split_first() else {
        return Err(Error::bad_request("Invalid API Key file: it is empty"));
    };
    let columns = Columns::new(head)?;
    let mut known: HashMap<String, String> = HashMap::new();
    for (id, record) in desk.list(kind::API_KEY, "")? {
        known.insert(text(&record, "value").to_owned(), id);
    }
    let mut ids: Vec<String> = Vec::new();
    let mut warnings = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let place = index + 1;
        match one(desk, &columns, row, &mut known) {
            Ok(id) => {
                let mut warn = |warning: String| warnings.push(format!("Key {place}: {warning}"));
                join_plans(desk, &id, columns.plans_of(row), &mut warn)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            Err(error) if error.status == 400 => {
                warnings.push(format!("Key {place}: {}", error.message));
            }
            Err(error) => return Err(error),
        }
    }
    if input.flag("failOnWarnings") == Some(true) && !warnings.is_empty() {
        let all = warnings.join("; ");
        return Err(Error::bad_request(format!(
            "Warnings found during import: {all}"
        )));
    }
    Ok(json!({ "ids": ids, "warnings": warnings }))
}

/// Where each member stands in a row; the names of columns know no case.
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    plans: Option<usize>,
}

impl Columns {
    fn new(head: &[String]) -> Outcome<Self> {
        let place = |name: &str| {
            head.iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        };
        let needed = |name: &str| {
            place(name).ok_or_else(|| {
                Error::bad_request(format!("Invalid API Key file: it has no column {name}"))
            })
        };
        Ok(Self {
            name: needed("Name")?,
            key: needed("Key")?,
            description: place("Description"),
            enabled: place("Enabled"),
            plans: place("UsagePlanIds"),
        })
    }

    fn plans_of<'r>(&self, row: &'r [String]) -> impl Iterator<Item = &'r str> {
        let all = field(row, self.plans).split(',').map(str::trim);
        all.filter(|plan| !plan.is_empty())
    }
}

fn field(row: &[String], place: Option<usize>) -> &str {
    place
        .and_then(|place| row.get(place))
        .map_or("", String::as_str)
}

/// A key that is there already is overwritten, and goes by the id that it had.
fn one(
    desk: &mut Desk<'_>,
    columns: &Columns,
    row: &[String],
    known: &mut HashMap<String, String>,
) -> Outcome<String> {
    let value = field(row, Some(columns.key));
    let enabled = field(row, columns.enabled);
    let mut record = match known.get(value) {
        Some(id) => key::find(desk, id)?,
        None => {
            desk.admit(&quota::API_KEYS, || Ok(known.len()))?;
            key::new(desk, value)?
        }
    };
    for (member, text) in [
        ("name", field(row, Some(columns.name))),
        ("description", field(row, columns.description)),
    ] {
        match text {
            "" => record.shift_remove(member),
            text => record.insert(member.to_owned(), text.into()),
        };
    }
    let enabled = enabled.is_empty() || enabled.eq_ignore_ascii_case("true");
    record.insert("enabled".to_owned(), enabled.into());
    record.insert("lastUpdatedDate".to_owned(), desk.now());
    key::check(&record)?;
    let id = text(&record, "id").to_owned();
    desk.put(kind::API_KEY, &id, &record)?;
    known.insert(value.to_owned(), id.clone());
    Ok(id)
}

fn join_plans<'r>(
    desk: &mut Desk<'_>,
    id: &str,
    plans: impl Iterator<Item = &'r str>,
    warn: &mut impl FnMut(String),
) -> Outcome<()> {
    let record: Record = key::find(desk, id)?;
    for plan in plans {
        if desk.get(kind::USAGE_PLAN, plan)?.is_none() {
            warn(format!("Invalid Usage Plan ID specified: {plan}"));
            continue;
        }
        let is_in = desk.get(kind::USAGE_PLAN_KEY, &format!("{plan}/{id}"))?;
        if is_in.is_none()
            && let Err(error) = plan::add_key(desk, plan, &record)
        {
            warn(error.message);
        }
    }
    Ok(())
}
