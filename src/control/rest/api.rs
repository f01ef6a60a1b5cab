//! RestApi operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::domain::mapping;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, LIST, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::{clone, domain, plan, schema};
use crate::control::tags;
use crate::lang::policy::{Kind, Policy};
use crate::model::quota;

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
        (
            "/apiKeySource",
            As::OneOf(&["HEADER", "AUTHORIZER"]),
            REPLACE,
        ),
        ("/policy", As::Text, ANY),
        ("/disableExecuteApiEndpoint", As::Flag, REPLACE),
        ("/minimumCompressionSize", As::Text, REPLACE),
        ("/binaryMediaTypes/*", As::Entry, ANY),
        (
            "/securityPolicy",
            As::OneOf(domain::SECURITY_POLICIES),
            REPLACE,
        ),
        (
            "/endpointAccessMode",
            As::OneOf(&["BASIC", "STRICT"]),
            REPLACE,
        ),
        ("/endpointConfiguration/ipAddressType", As::Text, REPLACE),
        ("/endpointConfiguration/vpcEndpointIds", As::List, LIST),
    ],
};

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    if input.text("description") == Some("") {
        return Err(Error::bad_request("Description cannot be an empty string"));
    }
    let mut record = Record::new();
    let source = input.text("cloneFrom").filter(|source| !source.is_empty());
    if let Some(source) = source {
        let found = desk.get(kind::REST_API, source)?;
        let found = found.ok_or_else(|| noun::no_api(desk, source))?;
        let kept = found.into_iter();
        record.extend(kept.filter(|(name, _)| clone::MEMBERS.contains(&name.as_str())));
    }
    let endpoint = match input.members.get("endpointConfiguration") {
        None if record.contains_key("endpointConfiguration") => None,
        given => Some(endpoint(given)?),
    };
    if let Some(size) = input.integer("minimumCompressionSize") {
        check_compression(size)?;
    }
    record.extend(given(
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
            "apiKeySource",
            "disableExecuteApiEndpoint",
        ],
    ));
    record.extend(endpoint.map(|endpoint| ("endpointConfiguration".to_owned(), endpoint)));
    check(desk, &record)?;
    tags::check(desk, input)?;
    admit(desk, &record)?;
    let (id, root) = (desk.new_id(10), desk.new_id(10));
    record.entry("apiKeySource").or_insert("HEADER".into());
    let disabled = record.entry("disableExecuteApiEndpoint");
    disabled.or_insert(false.into());
    for (key, value) in [
        ("id", id.clone().into()),
        ("createdDate", desk.now()),
        ("rootResourceId", root.clone().into()),
    ] {
        record.insert(key.to_owned(), value);
    }
    desk.put(kind::REST_API, &id, &record)?;
    match source {
        Some(source) => clone::parts(desk, source, &id, &root)?,
        None => begin(desk, &id, &root)?,
    }
    Ok(shown(record, false))
}

/// The root resource and the models that every API begins with.
fn begin(desk: &mut Desk<'_>, id: &str, root: &str) -> Outcome<()> {
    let resource = Record::from_iter([
        ("id".to_owned(), root.into()),
        ("path".to_owned(), "/".into()),
    ]);
    desk.put(kind::RESOURCE, &format!("{id}/{root}"), &resource)?;
    schema::put_defaults(desk, id)
}

fn kind_of(record: &Record) -> &str {
    let endpoint = record.get("endpointConfiguration");
    let kind = endpoint.and_then(|endpoint| endpoint["types"][0].as_str());
    kind.unwrap_or("EDGE")
}

fn admit(desk: &Desk<'_>, record: &Record) -> Outcome<()> {
    let own = kind_of(record);
    let quota = match own {
        "REGIONAL" => &quota::REGIONAL_APIS,
        "PRIVATE" => &quota::PRIVATE_APIS,
        _ => &quota::EDGE_APIS,
    };
    desk.admit(quota, || {
        let all = desk.list(kind::REST_API, "")?;
        Ok(all
            .iter()
            .filter(|(_, other)| kind_of(other) == own)
            .count())
    })
}

/// What holds for an API that was made or changed.
fn check(desk: &Desk<'_>, record: &Record) -> Outcome<()> {
    if text(record, "name").is_empty() {
        return Err(Error::bad_request("API name cannot be empty"));
    }
    let addresses = record
        .get("endpointConfiguration")
        .and_then(|endpoint| endpoint["ipAddressType"].as_str());
    match addresses {
        Some("ipv4") if kind_of(record) == "PRIVATE" => {
            return Err(Error::bad_request(
                "Only dualstack ipAddressType is supported for Private APIs.",
            ));
        }
        None | Some("ipv4" | "dualstack") => {}
        Some(_) => {
            let message = "ipAddressType must be either ipv4 or dualstack.";
            return Err(Error::bad_request(message));
        }
    }
    let policy = text(record, "policy");
    desk.fits(&quota::POLICY, policy.len())?;
    check_policy(policy)
}

/// AWS's words, and what is wrong.
fn check_policy(text: &str) -> Outcome<()> {
    if text.is_empty() {
        return Ok(());
    }
    let refused = |what: String| {
        Error::bad_request(format!(
            "Invalid policy document. Please check the policy syntax and ensure that Principals \
             are valid. ({what})"
        ))
    };
    let policy = Policy::parse(text, Kind::Resource).map_err(|error| refused(error.to_string()))?;
    match policy.foreign_action("execute-api") {
        None => Ok(()),
        Some(place) => {
            let what = "only actions of execute-api can be allowed or denied here";
            Err(refused(format!("{place}: {what}")))
        }
    }
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
    check(desk, &record)?;
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
    plan::forget_stages(desk, id, None)?;
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
