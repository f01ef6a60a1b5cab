//! Reads the embedded tables, which `tests/api/facts.py` writes from AWS's service models.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Map;

use crate::control::protocol::operation::{
    Member, Operation, Place, Scalar, ScalarKind, Service, ServiceName, Shape, ShapeId, UriSegment,
};

#[derive(Default, Deserialize)]
struct File {
    operations: Map<String, serde_json::Value>,
    shapes: Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Row {
    method: String,
    uri: String,
    status: u16,
    input: Option<String>,
    output: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    r#type: String,
    #[serde(default)]
    required: Vec<String>,
    payload: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    pattern: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    timestamp_format: Option<String>,
    member: Option<Reference>,
    value: Option<Reference>,
    #[serde(default)]
    members: Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    shape: String,
    location: Option<String>,
    location_name: Option<String>,
}

/// The text is part of the program, so only its tests can find it broken: a row that cannot be
/// read is left out, and they count.
pub(in crate::control::protocol) fn read(name: ServiceName, text: &str) -> Service {
    let file: File = serde_json::from_str(text).unwrap_or_default();
    let ids: HashMap<&str, ShapeId> = file
        .shapes
        .keys()
        .enumerate()
        .map(|(index, name)| (name.as_str(), ShapeId(index)))
        .collect();
    let shapes = file
        .shapes
        .values()
        .map(|facts| shape(facts, &ids))
        .collect();
    let rows = file.operations.iter();
    let mut operations: Vec<Operation> = rows
        .filter_map(|(name, row)| {
            let row: Row = serde_json::from_value(row.clone()).ok()?;
            Some(operation(name, row, &ids))
        })
        .collect();
    let literals = |row: &Operation| {
        let literal = |part: &&UriSegment| matches!(part, UriSegment::Literal(_));
        row.segments.iter().filter(literal).count() * 2 + usize::from(row.query.is_some())
    };
    operations.sort_by_key(|row| std::cmp::Reverse(literals(row)));
    Service {
        name,
        operations,
        shapes,
    }
}

fn operation(name: &str, row: Row, ids: &HashMap<&str, ShapeId>) -> Operation {
    let (path, query) = match row.uri.split_once('?') {
        Some((path, query)) => (path, query.split_once('=')),
        None => (row.uri.as_str(), None),
    };
    let segments = path.trim_start_matches('/').split('/').map(|part| {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(label) => UriSegment::Label(label.to_owned()),
            None => UriSegment::Literal(part.to_owned()),
        }
    });
    let shape = |name: Option<String>| name.and_then(|name| ids.get(name.as_str()).copied());
    Operation {
        name: name.to_owned(),
        segments: segments.collect(),
        query: query.map(|(name, value)| (name.to_owned(), value.to_owned())),
        method: row.method,
        status: row.status,
        input: shape(row.input),
        output: shape(row.output),
        uri: row.uri,
    }
}

fn shape(facts: &serde_json::Value, ids: &HashMap<&str, ShapeId>) -> Shape {
    let scalar = |kind, facts: Facts| {
        Shape::Scalar(Scalar {
            kind,
            values: facts.values,
            pattern: facts.pattern,
            min: facts.min,
            max: facts.max,
        })
    };
    let Ok(facts) = serde_json::from_value::<Facts>(facts.clone()) else {
        return Shape::Structure {
            members: Vec::new(),
            payload: None,
        };
    };
    let of = |reference: &Option<Reference>| {
        let name = reference.as_ref().map(|reference| reference.shape.as_str());
        name.and_then(|name| ids.get(name).copied())
            .unwrap_or(ShapeId(0))
    };
    match facts.r#type.as_str() {
        "structure" => structure(facts, ids),
        "list" => Shape::List(of(&facts.member)),
        "map" => Shape::Map(of(&facts.value)),
        "boolean" => scalar(ScalarKind::Flag, facts),
        "integer" | "long" => scalar(ScalarKind::Integer, facts),
        "double" | "float" => scalar(ScalarKind::Number, facts),
        "blob" => scalar(ScalarKind::Blob, facts),
        "timestamp" => match facts.timestamp_format.as_deref() {
            Some("iso8601") => scalar(ScalarKind::IsoDate, facts),
            _ => scalar(ScalarKind::EpochDate, facts),
        },
        _ => scalar(ScalarKind::Text, facts),
    }
}

fn structure(facts: Facts, ids: &HashMap<&str, ShapeId>) -> Shape {
    let members = facts.members.iter().filter_map(|(name, reference)| {
        let reference: Reference = serde_json::from_value(reference.clone()).ok()?;
        Some(Member {
            key: small(name),
            is_required: facts.required.contains(name),
            place: match reference.location.as_deref() {
                Some("uri") => Place::Uri,
                Some("querystring") => Place::Query,
                Some("header" | "headers") => Place::Header,
                _ => Place::Body,
            },
            wire: reference.location_name.unwrap_or_else(|| name.clone()),
            shape: ids.get(reference.shape.as_str()).copied()?,
        })
    });
    Shape::Structure {
        members: members.collect(),
        payload: facts.payload.as_deref().map(small),
    }
}

/// `ApiId` as `apiId`.
fn small(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_both_services_is_there() {
        for (name, rows) in [(ServiceName::Rest, 124), (ServiceName::V2, 103)] {
            let service = name.service();
            assert_eq!(service.operations.len(), rows, "{name:?}");
            for row in &service.operations {
                assert!(row.uri.starts_with('/'), "{}", row.name);
                let Some(input) = row.input else { continue };
                let Shape::Structure { members, .. } = service.shape(input) else {
                    continue;
                };
                for part in &row.segments {
                    let UriSegment::Label(label) = part else {
                        continue;
                    };
                    let known =
                        |member: &&Member| member.place == Place::Uri && member.wire == *label;
                    assert!(members.iter().any(|m| known(&m)), "{} {label}", row.name);
                }
            }
        }
    }
}
