//! Tags of whatever has an ARN.

use serde_json::{Map, Value, json};

use crate::base::ascii;
use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::protocol::route::Found;
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
    let (kind, id) = match place(desk, &segments)? {
        Some((kind, id, [])) => (kind, id),
        _ => return Err(malformed()),
    };
    match desk.get(kind, &id)? {
        Some(record) => Ok((kind, id, record)),
        None => Err(Error::not_found(format!(
            "Invalid resource identifier specified {arn}"
        ))),
    }
}

/// Kind and id of the first resource on a path that can have tags, and the rest of the path.
fn place<'p>(
    desk: &Desk<'_>,
    path: &'p [&'p str],
) -> Outcome<Option<(&'static str, String, &'p [&'p str])>> {
    let (kind, id, rest) = match path {
        ["apis" | "restapis", api, "stages", name, rest @ ..] => {
            (kind::STAGE, format!("{api}/{name}"), rest)
        }
        [
            "domainnameaccessassociations",
            "domainname",
            domain,
            "vpcesource",
            endpoint,
            rest @ ..,
        ] => (
            kind::DOMAIN_ASSOCIATION,
            format!("{domain}/{endpoint}"),
            rest,
        ),
        ["vpclinks", link, rest @ ..] => match desk.get(kind::VPC_LINK, link)? {
            Some(_) => (kind::VPC_LINK, (*link).to_owned(), rest),
            None => (kind::VPC_LINK_V2, (*link).to_owned(), rest),
        },
        [all, one, rest @ ..] => {
            let kind = match *all {
                "apis" => kind::API,
                "restapis" => kind::REST_API,
                "domainnames" => kind::DOMAIN_NAME,
                "clientcertificates" => kind::CLIENT_CERTIFICATE,
                "apikeys" => kind::API_KEY,
                "portals" => kind::PORTAL,
                "portalproducts" => kind::PORTAL_PRODUCT,
                "usageplans" => kind::USAGE_PLAN,
                _ => return Ok(None),
            };
            (kind, (*one).to_owned(), rest)
        }
        _ => return Ok(None),
    };
    Ok(Some((kind, id, rest)))
}

/// The tags that policies see on the resource of an operation. "Resources that can't be tagged
/// directly inherit tags from their parent": an API's methods have the tags of the API.
///
/// # Errors
/// When the store cannot be read.
pub fn of_resource(desk: &Desk<'_>, found: &Found) -> Outcome<Map<String, Value>> {
    let path = match found.labels.first() {
        Some((_, arn)) if arn.starts_with("arn:") => {
            arn.splitn(6, ':').last().unwrap_or_default().to_owned()
        }
        _ => found.resource(),
    };
    let segments = path.trim_start_matches('/').split('/');
    let segments: Vec<String> = segments
        .map(|segment| {
            let mut text = Vec::new();
            ascii::percent_decode(&mut text, segment.as_bytes());
            String::from_utf8_lossy(&text).into_owned()
        })
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match place(desk, &segments)? {
        Some((kind, id, _)) => {
            let record = desk.get(kind, &id)?;
            Ok(record.as_ref().map(tags_of).unwrap_or_default())
        }
        None => Ok(Map::new()),
    }
}

/// The condition keys that tags give: those of the resource, and those that the request sets or
/// takes away.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html>
pub fn conditions(
    of_resource: &Map<String, Value>,
    input: Option<&Input>,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |start: &str, tags: &Map<String, Value>| {
        for (key, value) in tags {
            let value = value.as_str().unwrap_or_default().to_owned();
            all.push((format!("{start}/{key}"), value));
        }
    };
    add("aws:ResourceTag", of_resource);
    let member = |name: &str| input.and_then(|input| input.members.get(name));
    if let Some(tags) = member("tags").and_then(Value::as_object) {
        add("aws:RequestTag", tags);
        let keys = tags.keys();
        all.extend(keys.map(|key| (TAG_KEYS.to_owned(), key.clone())));
    }
    let keys = member("tagKeys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten().filter_map(Value::as_str);
    all.extend(keys.map(|key| (TAG_KEYS.to_owned(), key.to_owned())));
    all
}

const TAG_KEYS: &str = "aws:TagKeys";

/// What the names of these condition keys begin with, in lower case.
pub const CONDITIONS: [&str; 3] = ["aws:resourcetag/", "aws:requesttag/", "aws:tagkeys"];
