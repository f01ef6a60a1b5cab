//! RestApi operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::domain::mapping;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given, text};
use crate::control::rest::schema;
use crate::control::tags;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRestApi", create),
    ("GetRestApi", |desk, input| {
        noun::api(desk, input).map(|record| shown(record, true))
    }),
    ("GetRestApis", list),
    ("UpdateRestApi", update),
    ("DeleteRestApi", delete),
    ("TagResource", tags::tag),
    ("UntagResource", tags::untag),
    ("GetTags", tags::get),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/name", As::Text, REPLACE),
        ("/description", As::Text, ANY),
        ("/version", As::Text, ANY),
        ("/apiKeySource", As::Text, REPLACE),
        ("/policy", As::Text, ANY),
        ("/disableExecuteApiEndpoint", As::Flag, REPLACE),
        ("/minimumCompressionSize", As::Text, REPLACE),
        ("/binaryMediaTypes/*", As::Entry, ANY),
        ("/securityPolicy", As::Text, REPLACE),
        ("/endpointAccessMode", As::Text, REPLACE),
        ("/endpointConfiguration/ipAddressType", As::Text, REPLACE),
    ],
};

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    if input.text("description") == Some("") {
        return Err(Error::bad_request("Description cannot be an empty string"));
    }
    if input.has("cloneFrom") {
        return Err(Error::bad_request(
            "cloneFrom is not served by this version",
        ));
    }
    let endpoint = endpoint(input.members.get("endpointConfiguration"))?;
    if let Some(size) = input.integer("minimumCompressionSize") {
        check_compression(size)?;
    }
    let (id, root) = (desk.new_id(10), desk.new_id(10));
    let mut record = given(
        input,
        &[
            "name",
            "description",
            "version",
            "binaryMediaTypes",
            "minimumCompressionSize",
            "policy",
            "tags",
            "securityPolicy",
            "endpointAccessMode",
        ],
    );
    let source = input.text("apiKeySource").unwrap_or("HEADER");
    let disabled = input.flag("disableExecuteApiEndpoint").unwrap_or_default();
    for (key, value) in [
        ("id", id.clone().into()),
        ("createdDate", desk.now()),
        ("apiKeySource", source.into()),
        ("disableExecuteApiEndpoint", disabled.into()),
        ("endpointConfiguration", endpoint),
        ("rootResourceId", root.clone().into()),
    ] {
        record.insert(key.to_owned(), value);
    }
    desk.put(kind::REST_API, &id, &record)?;
    let resource = Record::from_iter([
        ("id".to_owned(), root.clone().into()),
        ("path".to_owned(), "/".into()),
    ]);
    desk.put(kind::RESOURCE, &format!("{id}/{root}"), &resource)?;
    schema::put_defaults(desk, &id)?;
    Ok(shown(record, false))
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let all = desk.list(kind::REST_API, "")?.into_iter();
    let all = all.map(|(id, record)| {
        let shown = shown(record, true);
        (id, shown.as_object().cloned().unwrap_or_default())
    });
    noun::shown(input, all.collect())
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = noun::api(desk, input)?;
    for patch in Patch::all(input) {
        match patch.segments().as_slice() {
            [first, second, place] if first == "endpointConfiguration" && second == "types" => {
                patch_types(&mut record, &patch, place)?;
            }
            [name] if name == "minimumCompressionSize" && patch.op == "replace" => {
                patch_compression(&mut record, &patch)?;
            }
            _ => RULES.apply_one(&mut record, &patch)?,
        }
    }
    if text(&record, "name").is_empty() {
        return Err(Error::bad_request("API name cannot be empty"));
    }
    desk.put(kind::REST_API, input.given("restApiId"), &record)?;
    Ok(shown(record, true))
}

fn patch_types(record: &mut Record, patch: &Patch, place: &str) -> Outcome<()> {
    if !ANY.contains(&patch.op.as_str()) {
        let message = "Invalid patch operation specified. Must be 'add'|'remove'|'replace'";
        return Err(Error::bad_request(message));
    }
    let wanted = match patch.op.as_str() {
        "replace" => patch.text(),
        _ => place,
    };
    if patch.op == "remove" {
        return Ok(());
    }
    if !["REGIONAL", "EDGE", "PRIVATE"].contains(&wanted) {
        let message = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
        return Err(Error::bad_request(message));
    }
    let before = record.get("endpointConfiguration").cloned();
    let mut next = before.unwrap_or_else(|| json!({}));
    next["types"] = json!([wanted]);
    if wanted == "PRIVATE" {
        next["ipAddressType"] = "dualstack".into();
    }
    record.insert("endpointConfiguration".to_owned(), next);
    Ok(())
}

fn patch_compression(record: &mut Record, patch: &Patch) -> Outcome<()> {
    if patch.text().is_empty() {
        record.remove("minimumCompressionSize");
        return Ok(());
    }
    let size = patch.text().parse::<i64>().unwrap_or(-1);
    check_compression(size)?;
    record.insert("minimumCompressionSize".to_owned(), size.into());
    Ok(())
}

fn check_compression(size: i64) -> Outcome<()> {
    match (0..=10_485_760).contains(&size) {
        true => Ok(()),
        false => Err(Error::bad_request(
            "Invalid minimum compression size, must be between 0 and 10485760",
        )),
    }
}

/// One type and its kind of addresses, as AWS completes what was given.
fn endpoint(given: Option<&Value>) -> Outcome<Value> {
    let types = given.and_then(|given| given["types"].as_array());
    let types: Option<Vec<&str>> = types.map(|all| all.iter().filter_map(Value::as_str).collect());
    let kind_of = match types.as_deref() {
        None => "EDGE",
        Some([]) => {
            return Err(Error::bad_request(
                "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
            ));
        }
        Some([one]) => one,
        Some(_) => {
            return Err(Error::bad_request(
                "Cannot create an api with multiple Endpoint Types.",
            ));
        }
    };
    let addresses = given.and_then(|given| given["ipAddressType"].as_str());
    let addresses = match (kind_of, addresses) {
        ("PRIVATE", Some("ipv4")) => {
            return Err(Error::bad_request(
                "Only dualstack ipAddressType is supported for Private APIs.",
            ));
        }
        ("PRIVATE", _) => "dualstack",
        (_, given) => given.unwrap_or("ipv4"),
    };
    let mut endpoint = json!({ "types": [kind_of], "ipAddressType": addresses });
    if let Some(ids) = given.and_then(|given| given.get("vpcEndpointIds")) {
        endpoint["vpcEndpointIds"] = ids.clone();
    }
    Ok(endpoint)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let id = input.given("restApiId");
    let domains = mapping::domains_of(desk, id)?;
    if !domains.is_empty() {
        return Err(Error::bad_request(format!(
            "Deleting RestApi {id} failed. Please remove all base path mappings related to the \
             RestApi in your domains: {}.",
            domains.join(", ")
        )));
    }
    desk.delete_api(kind::REST_API, id)?;
    Ok(Value::Null)
}

/// Answers to all but the creation have tags, even if there are none; a policy comes back with
/// its quotes escaped once more.
fn shown(mut record: Record, has_tags: bool) -> Value {
    if has_tags {
        record.entry("tags").or_insert_with(|| json!({}));
    }
    if let Some(Value::String(policy)) = record.get_mut("policy") {
        *policy = policy.replace('"', "\\\"");
    }
    Value::Object(record)
}
