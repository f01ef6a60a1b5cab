//! Resource operations: the tree of paths.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateResource", create),
    ("GetResource", get),
    ("GetResources", list),
    ("UpdateResource", update),
    ("DeleteResource", delete),
];

const RULES: Rules = Rules {
    family: Family::Listed("/parentId, /pathPart"),
    rows: &[
        ("/parentId", As::Text, REPLACE),
        ("/pathPart", As::Text, REPLACE),
    ],
};

/// The resource that `resourceId` names. A wrong API is told as a wrong resource.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let (key, found) = noun::below(desk, input, kind::RESOURCE, input.given("resourceId"))?;
    Ok((key, found.ok_or_else(missing)?))
}

fn missing() -> Error {
    Error::not_found("Invalid Resource identifier specified")
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let all = all(desk, input)?;
    let parent = input.given("parentId");
    if !all.iter().any(|other| text(other, "id") == parent) {
        return Err(missing());
    }
    desk.admit(&quota::RESOURCES, || Ok(all.len()))?;
    let id = desk.new_id(6);
    let mut record = Record::from_iter([
        ("id".to_owned(), id.clone().into()),
        ("parentId".to_owned(), parent.into()),
        ("pathPart".to_owned(), input.given("pathPart").into()),
    ]);
    check(&all, &record)?;
    let path = path_of(&all, &record);
    record.insert("path".to_owned(), path.into());
    let key = format!("{}/{id}", input.given("restApiId"));
    desk.put(kind::RESOURCE, &key, &record)?;
    Ok(Value::Object(record))
}

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (_, record) = find(desk, input)?;
    Ok(shown(record, embeds(input)))
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let all = desk.list(kind::RESOURCE, &format!("{}/", input.given("restApiId")))?;
    let embeds = embeds(input);
    let all = all.into_iter().map(|(key, record)| {
        let shown = shown(record, embeds);
        (key, shown.as_object().cloned().unwrap_or_default())
    });
    noun::shown(input, all.collect())
}

fn embeds(input: &Input) -> bool {
    let embed = input.members.get("embed").and_then(Value::as_array);
    embed.into_iter().flatten().any(|what| what == "methods")
}

/// Methods are empty objects unless they are asked for.
fn shown(mut record: Record, embeds: bool) -> Value {
    if let Some(Value::Object(methods)) = record.get_mut("resourceMethods")
        && !embeds
    {
        methods.values_mut().for_each(|method| *method = json!({}));
    }
    Value::Object(record)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let patches = Patch::all(input);
    for patch in &patches {
        let is_root = record.get("parentId").is_none();
        if is_root && matches!(patch.path.as_str(), "/pathPart" | "/parentId") {
            let member = patch.path.trim_start_matches('/');
            let message = format!("Root resource cannot update its {member}.");
            return Err(Error::bad_request(message));
        }
        RULES.apply_one(&mut record, patch)?;
    }
    let mut all = all(desk, input)?;
    let own = text(&record, "id").to_owned();
    let parent = text(&record, "parentId").to_owned();
    if !parent.is_empty() && !all.iter().any(|other| text(other, "id") == parent) {
        return Err(missing());
    }
    if subtree(&all, &own).contains(&parent) {
        return Err(Error::bad_request("Resources cannot be cyclical."));
    }
    all.retain(|other| text(other, "id") != own);
    if !parent.is_empty() {
        check(&all, &record)?;
    }
    all.push(record);
    let api = input.given("restApiId");
    let renewed: Vec<Record> = all
        .iter()
        .filter_map(|other| {
            let path = path_of(&all, other);
            let is_own = text(other, "id") == own;
            (is_own || path != text(other, "path")).then(|| {
                let mut next = other.clone();
                next.insert("path".to_owned(), path.into());
                next
            })
        })
        .collect();
    for resource in renewed {
        desk.put(
            kind::RESOURCE,
            &format!("{api}/{}", text(&resource, "id")),
            &resource,
        )?;
    }
    let record = desk.get(kind::RESOURCE, &key)?.unwrap_or_default();
    Ok(shown(record, false))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (_, record) = find(desk, input)?;
    if record.get("parentId").is_none() {
        return Err(Error::bad_request("Root resource cannot be deleted"));
    }
    let api = input.given("restApiId");
    for id in subtree(&all(desk, input)?, input.given("resourceId")) {
        desk.delete(kind::RESOURCE, &format!("{api}/{id}"))?;
    }
    Ok(Value::Null)
}

fn all(desk: &Desk<'_>, input: &Input) -> Outcome<Vec<Record>> {
    let all = desk.list(kind::RESOURCE, &format!("{}/", input.given("restApiId")))?;
    Ok(all.into_iter().map(|(_, record)| record).collect())
}

/// The resource and all below it.
fn subtree(all: &[Record], id: &str) -> HashSet<String> {
    let mut found = HashSet::from([id.to_owned()]);
    loop {
        let before = found.len();
        for other in all {
            if found.contains(text(other, "parentId")) {
                found.insert(text(other, "id").to_owned());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// The whole path; a tree is never deeper than it has resources.
fn path_of(all: &[Record], record: &Record) -> String {
    let mut parts = Vec::new();
    let mut at = record;
    for _ in 0..=all.len() {
        let Some(part) = at.get("pathPart").and_then(Value::as_str) else {
            break;
        };
        parts.push(part);
        let parent = text(at, "parentId");
        match all.iter().find(|other| text(other, "id") == parent) {
            Some(above) => at = above,
            None => break,
        }
    }
    parts.reverse();
    format!("/{}", parts.join("/"))
}

fn check(others: &[Record], record: &Record) -> Outcome<()> {
    let (part, parent) = (text(record, "pathPart"), text(record, "parentId"));
    check_part(part)?;
    let above = others.iter().find(|other| text(other, "id") == parent);
    if let Some(above) = above
        && text(above, "pathPart").ends_with("+}")
    {
        let greedy = text(above, "pathPart");
        return Err(Error::bad_request(format!(
            "Cannot create a child of a resource with a greedy path variable: {greedy}"
        )));
    }
    let siblings = others
        .iter()
        .filter(|other| text(other, "parentId") == parent);
    for sibling in siblings {
        let other = text(sibling, "pathPart");
        if other == part {
            return Err(Error::conflict(format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        if other.starts_with('{') && part.starts_with('{') {
            return Err(Error::bad_request(format!(
                "A sibling ({other}) of this resource already has a variable path part -- only one \
                 is allowed"
            )));
        }
    }
    Ok(())
}

fn check_part(part: &str) -> Outcome<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-:~".contains(c);
    let inner = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'));
    let name = inner.map(|inner| inner.strip_suffix('+').unwrap_or(inner));
    let name = name.unwrap_or(part);
    match !name.is_empty() && name.chars().all(fine) {
        true => Ok(()),
        false => Err(Error::bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and \
             curly braces at the beginning and the end.",
        )),
    }
}
