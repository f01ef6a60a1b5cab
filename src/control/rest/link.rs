//! VPC link operations.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::tags;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateVpcLink", create),
    ("GetVpcLink", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("GetVpcLinks", |desk, input| {
        noun::shown(input, desk.list(kind::VPC_LINK, "")?)
    }),
    ("UpdateVpcLink", update),
    ("DeleteVpcLink", delete),
];

const RULES: Rules = Rules {
    family: Family::Listed("/name, /description"),
    rows: &[
        ("/name", As::Text, REPLACE),
        ("/description", As::Text, REPLACE),
    ],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let found = desk.get(kind::VPC_LINK, input.given("vpcLinkId"))?;
    found.ok_or_else(|| Error::not_found("Invalid Vpc Link identifier specified"))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    let mut record = given(input, &["name", "description", "targetArns", "tags"]);
    check_name(&record)?;
    let arns = record.get("targetArns").and_then(Value::as_array);
    let arns: Vec<&str> = arns
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let Some(wrong) = arns.iter().find(|arn| !is_arn(arn)) {
        return Err(Error::bad_request(format!(
            "Invalid ARN. ARN is not well formed {wrong}"
        )));
    }
    if arns.len() != 1 {
        let message = "A VPC link has exactly one target ARN";
        return Err(Error::bad_request(message));
    }
    desk.admit(&quota::VPC_LINKS, || desk.count(kind::VPC_LINK, ""))?;
    let id = desk.new_id(6);
    record.insert("id".to_owned(), id.clone().into());
    record.insert("status".to_owned(), "AVAILABLE".into());
    record.insert("statusMessage".to_owned(), READY.into());
    desk.put(kind::VPC_LINK, &id, &record)?;
    Ok(Value::Object(record))
}

const READY: &str = "Your vpc link is ready for use";

fn check_name(record: &Record) -> Outcome<()> {
    match text(record, "name").is_empty() {
        true => Err(Error::bad_request("Name cannot be empty")),
        false => Ok(()),
    }
}

/// `arn:{partition}:{service}:{region}:{account}:{resource}`
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, service, _, _, resource]
        if !partition.is_empty() && !service.is_empty() && !resource.is_empty())
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    check_name(&record)?;
    desk.put(kind::VPC_LINK, input.given("vpcLinkId"), &record)?;
    Ok(Value::Object(record))
}

/// One that a method of an API names stays.
fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    let id = input.given("vpcLinkId");
    let mut users = Vec::new();
    for (key, resource) in desk.list(kind::RESOURCE, "")? {
        let methods = resource.get("resourceMethods").and_then(Value::as_object);
        for (verb, method) in methods.into_iter().flatten() {
            if method["methodIntegration"]["connectionId"] == id {
                let resource = key.rsplit('/').next().unwrap_or_default();
                users.push(format!("{verb}:{resource}"));
            }
        }
    }
    if !users.is_empty() {
        return Err(Error::bad_request(format!(
            "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of \
             [Method:Resource].",
            users.join(", ")
        )));
    }
    desk.delete(kind::VPC_LINK, id)?;
    Ok(Value::Null)
}
