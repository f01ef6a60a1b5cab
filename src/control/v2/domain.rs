//! Domain name operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::domain::{record, trust};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::tags;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDomainName", create),
    ("GetDomainName", |desk, input| {
        find(desk, input).map(|(_, record)| record::of_second(&record))
    }),
    ("GetDomainNames", list),
    ("UpdateDomainName", update),
    ("DeleteDomainName", |desk, input| {
        let (key, _) = find(desk, input)?;
        record::delete(desk, &key).map(|()| Value::Null)
    }),
];

/// The domain name that the path names, with its key.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let missing = "The domain name resource specified in the request was not found.";
    record::find(desk, input)?.ok_or_else(|| Error::not_found(missing))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    let name = input.given("domainName");
    if name.is_empty() {
        return Err(Error::bad_request("Domain name cannot be empty"));
    }
    let mut own = Record::new();
    own.insert(
        "endpointConfiguration".to_owned(),
        json!({ "types": ["REGIONAL"] }),
    );
    take(desk, &mut own, input)?;
    if let Some(tags) = input.members.get("tags") {
        own.insert("tags".to_owned(), tags.clone());
    }
    match record::create(desk, name, own)? {
        Some(record) => Ok(record::of_second(&record)),
        None => Err(Error::conflict("The domain name resource already exists.")),
    }
}

/// Puts what was given into a record.
fn take(desk: &Desk<'_>, own: &mut Record, input: &Input) -> Outcome<()> {
    let configurations = input.members.get("domainNameConfigurations");
    match configurations.and_then(Value::as_array).map(Vec::as_slice) {
        None | Some([]) => {}
        Some([one]) => take_configuration(own, one),
        Some(_) => {
            let message = "Only one domain name configuration is supported";
            return Err(Error::bad_request(message));
        }
    }
    if let Some(mutual) = input.members.get("mutualTlsAuthentication") {
        own.insert("mutualTlsAuthentication".to_owned(), mutual.clone());
        trust::take(desk, own)?;
    }
    if let Some(mode) = input.text("routingMode") {
        let mode = record::mode_of_first(mode);
        own.insert("routingMode".to_owned(), mode.into());
    }
    Ok(())
}

fn take_configuration(own: &mut Record, given: &Value) {
    let mut endpoint = own["endpointConfiguration"].clone();
    if given["endpointType"].is_string() {
        endpoint["types"] = json!([given["endpointType"]]);
    }
    if given["ipAddressType"].is_string() {
        endpoint["ipAddressType"] = given["ipAddressType"].clone();
    }
    own.insert("endpointConfiguration".to_owned(), endpoint);
    let [arn, name] = record::certificate_members(own);
    for (member, to) in [
        ("certificateArn", arn),
        ("certificateName", name),
        ("certificateUploadDate", "certificateUploadDate"),
        ("securityPolicy", "securityPolicy"),
        (
            "ownershipVerificationCertificateArn",
            "ownershipVerificationCertificateArn",
        ),
    ] {
        if given[member].is_string() && member != "certificateUploadDate" {
            own.insert(to.to_owned(), given[member].clone());
        }
    }
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let all = desk.list(kind::DOMAIN_NAME, "")?.into_iter();
    // Private domain names are the first service's alone.
    let all = all.filter(|(_, record)| !record.contains_key("domainNameId"));
    let all = all.map(|(key, record)| (key, record::of_second(&record)));
    page::page(ServiceName::V2, input, all)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut own) = find(desk, input)?;
    take(desk, &mut own, input)?;
    record::complete(desk, &mut own);
    desk.put(kind::DOMAIN_NAME, &key, &own)?;
    Ok(record::of_second(&own))
}
