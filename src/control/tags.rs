//! Tags of whatever has an ARN.

use serde_json::{Map, Value, json};

use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::model::quota;

/// Whether the tags that a request gives can be ones.
///
/// # Errors
/// A key or value that is too long or belongs to AWS, or too many of them.
pub fn check(desk: &Desk<'_>, input: &Input) -> Outcome<()> {
    match input.members.get("tags").and_then(Value::as_object) {
        Some(tags) => check_all(desk, tags),
        None => Ok(()),
    }
}

fn check_all(desk: &Desk<'_>, tags: &Map<String, Value>) -> Outcome<()> {
    for (key, value) in tags {
        let value = value.as_str().unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 {
            return Err(Error::bad_request(format!(
                "Invalid tag key {key}: it must have between 1 and 128 characters"
            )));
        }
        if value.chars().count() > 256 {
            return Err(Error::bad_request(format!(
                "Invalid value of tag {key}: it must have at most 256 characters"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::bad_request(format!(
                "Invalid tag key {key}: keys that begin with aws: are reserved"
            )));
        }
    }
    desk.fits_count(&quota::TAGS, tags.len())
}

pub fn tag(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (kind, id, mut record) = find(desk, input)?;
    let mut tags = tags_of(&record);
    let more = input.members.get("tags").and_then(Value::as_object);
    tags.extend(more.cloned().unwrap_or_default());
    check_all(desk, &tags)?;
    record.insert("tags".to_owned(), tags.into());
    desk.put(kind, &id, &record)?;
    Ok(json!({}))
}

pub fn untag(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (kind, id, mut record) = find(desk, input)?;
    let mut tags = tags_of(&record);
    let keys = input.members.get("tagKeys").and_then(Value::as_array);
    for key in keys.into_iter().flatten().filter_map(Value::as_str) {
        tags.remove(key);
    }
    record.insert("tags".to_owned(), tags.into());
    desk.put(kind, &id, &record)?;
    Ok(Value::Null)
}

pub fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (_, _, record) = find(desk, input)?;
    Ok(json!({ "tags": tags_of(&record) }))
}

fn tags_of(record: &Record) -> Map<String, Value> {
    let tags = record.get("tags").and_then(Value::as_object);
    tags.cloned().unwrap_or_default()
}

/// The resource behind `arn:aws:apigateway:{region}::/restapis/{id}` and its like.
fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(&'static str, String, Record)> {
    let arn = input.given("resourceArn");
    let malformed = || Error::bad_request(format!("Invalid ARN specified in the request: {arn}"));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let path = match parts.as_slice() {
        ["arn", _, "apigateway", region, _, path] => {
            if *region != desk.scope().region {
                return Err(malformed());
            }
            path.trim_start_matches('/')
        }
        _ => return Err(malformed()),
    };
    let segments: Vec<&str> = path.split('/').collect();
    let (kind, id) = match segments.as_slice() {
        ["apis", api] => (kind::API, (*api).to_owned()),
        ["restapis", api] => (kind::REST_API, (*api).to_owned()),
        ["apis" | "restapis", api, "stages", name] => (kind::STAGE, format!("{api}/{name}")),
        ["domainnames", domain] => (kind::DOMAIN_NAME, (*domain).to_owned()),
        [
            "domainnameaccessassociations",
            "domainname",
            domain,
            "vpcesource",
            endpoint,
        ] => (kind::DOMAIN_ASSOCIATION, format!("{domain}/{endpoint}")),
        ["vpclinks", link] => match desk.get(kind::VPC_LINK, link)? {
            Some(_) => (kind::VPC_LINK, (*link).to_owned()),
            None => (kind::VPC_LINK_V2, (*link).to_owned()),
        },
        ["clientcertificates", id] => (kind::CLIENT_CERTIFICATE, (*id).to_owned()),
        ["apikeys", key] => (kind::API_KEY, (*key).to_owned()),
        ["portals", portal] => (kind::PORTAL, (*portal).to_owned()),
        ["portalproducts", product] => (kind::PORTAL_PRODUCT, (*product).to_owned()),
        ["usageplans", plan] => (kind::USAGE_PLAN, (*plan).to_owned()),
        _ => return Err(malformed()),
    };
    match desk.get(kind, &id)? {
        Some(record) => Ok((kind, id, record)),
        None => Err(Error::not_found(format!(
            "Invalid resource identifier specified {arn}"
        ))),
    }
}
