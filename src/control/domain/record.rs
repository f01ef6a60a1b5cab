//! The record of a domain name, by the first service's names, and how the second shows it.

use serde_json::{Map, Value, json};

use crate::control::desk::{Desk, Record, text};
use crate::control::domain::zone;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::model::quota;

/// The mode that a domain has unless it says another.
const MODE: &str = "BASE_PATH_MAPPING_ONLY";

/// Each mode by the name that either service gives it.
const MODES: &[(&str, &str)] = &[
    (MODE, "API_MAPPING_ONLY"),
    (
        "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
        "ROUTING_RULE_THEN_API_MAPPING",
    ),
    ("ROUTING_RULE_ONLY", "ROUTING_RULE_ONLY"),
];

/// The key of the domain name that the path names; private ones of one name differ by their id.
pub fn key(input: &Input) -> String {
    let name = input.given("domainName").to_ascii_lowercase();
    match input.text("domainNameId").filter(|id| !id.is_empty()) {
        Some(id) => format!("{name}+{id}"),
        None => name,
    }
}

/// The domain name that the path names, with its key.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Option<(String, Record)>> {
    let key = key(input);
    let found = desk.get(kind::DOMAIN_NAME, &key)?;
    Ok(found.map(|record| (key, record)))
}

/// Keeps a new domain name: `record` holds what was given. None if there is one of this name.
pub fn create(desk: &mut Desk<'_>, name: &str, mut record: Record) -> Outcome<Option<Record>> {
    let name = name.to_ascii_lowercase();
    let endpoint = endpoint(record.get("endpointConfiguration"))?;
    let is_private = endpoint["types"][0] == "PRIVATE";
    let mut key = name.clone();
    let mut arn = format!(
        "arn:aws:apigateway:{}::/domainnames/{name}",
        desk.scope().region
    );
    if is_private {
        let id = desk.new_id(10);
        key = format!("{name}+{id}");
        let scope = desk.scope();
        let (region, account) = (&scope.region, &scope.account);
        arn = format!("arn:aws:apigateway:{region}:{account}:/domainnames/{key}");
        record.insert("domainNameId".to_owned(), id.into());
    }
    if desk.get(kind::DOMAIN_NAME, &key)?.is_some() {
        return Ok(None);
    }
    let quota = match is_private {
        true => &quota::PRIVATE_DOMAIN_NAMES,
        false => &quota::DOMAIN_NAMES,
    };
    desk.admit(quota, || {
        let all = desk.list(kind::DOMAIN_NAME, "")?;
        let alike =
            |(_, other): &&(String, Record)| other.contains_key("domainNameId") == is_private;
        Ok(all.iter().filter(alike).count())
    })?;
    for (member, value) in [
        ("domainName", Value::from(name)),
        ("domainNameArn", arn.into()),
        ("endpointConfiguration", endpoint),
        ("domainNameStatus", "AVAILABLE".into()),
    ] {
        record.insert(member.to_owned(), value);
    }
    for (member, value) in [("securityPolicy", "TLS_1_2"), ("routingMode", MODE)] {
        record.entry(member).or_insert_with(|| value.into());
    }
    complete(desk, &mut record);
    desk.put(kind::DOMAIN_NAME, &key, &record)?;
    Ok(Some(record))
}

/// One type and its kind of addresses, as AWS completes what was given.
fn endpoint(given: Option<&Value>) -> Outcome<Value> {
    let types = given.and_then(|given| given["types"].as_array());
    let kind_of = match types.map(Vec::as_slice) {
        None => "EDGE",
        Some([one]) => one.as_str().unwrap_or_default(),
        Some(_) => {
            let message = "Cannot create a domain name with multiple Endpoint Types.";
            return Err(Error::bad_request(message));
        }
    };
    let addresses = given.and_then(|given| given["ipAddressType"].as_str());
    let addresses = match (kind_of, addresses) {
        ("PRIVATE", Some("ipv4")) => {
            return Err(Error::bad_request(
                "Only dualstack ipAddressType is supported for Private domain names.",
            ));
        }
        ("PRIVATE", _) => "dualstack",
        (_, given) => given.unwrap_or("ipv4"),
    };
    Ok(json!({ "types": [kind_of], "ipAddressType": addresses }))
}

/// Gives a domain the names that its type of endpoint has, and takes those of other types away.
pub fn complete(desk: &mut Desk<'_>, record: &mut Record) {
    let kind_of = record["endpointConfiguration"]["types"][0].clone();
    let region = desk.scope().region.clone();
    let mut keep = |is_wanted: bool, name: &str, value: String, zone: (&str, &str)| {
        if !is_wanted {
            record.shift_remove(name);
            record.shift_remove(zone.0);
        } else if text(record, name).is_empty() {
            record.insert(name.to_owned(), value.into());
            record.insert(zone.0.to_owned(), zone.1.into());
        }
    };
    let distribution = format!("{}.cloudfront.net", desk.new_id(14));
    let own = format!("d-{}.execute-api.{region}.amazonaws.com", desk.new_id(10));
    keep(
        kind_of == "EDGE",
        "distributionDomainName",
        distribution,
        ("distributionHostedZoneId", zone::DISTRIBUTION),
    );
    keep(
        kind_of == "REGIONAL",
        "regionalDomainName",
        own,
        ("regionalHostedZoneId", zone::regional(&region)),
    );
}

/// Deletes a domain name with all that belongs to it.
pub fn delete(desk: &mut Desk<'_>, key: &str) -> Outcome<()> {
    desk.delete(kind::DOMAIN_NAME, key)?;
    for below in kind::BELOW_DOMAIN {
        desk.delete_all(below, &format!("{key}/"))?;
    }
    Ok(())
}

/// Keeps certificate members where the type of endpoint has them: those of a regional domain have
/// names of their own.
pub fn certificate_members(record: &Record) -> [&'static str; 2] {
    match record["endpointConfiguration"]["types"][0].as_str() {
        Some("REGIONAL") => ["regionalCertificateArn", "regionalCertificateName"],
        _ => ["certificateArn", "certificateName"],
    }
}

/// A record as the second service shows it.
pub fn of_second(record: &Record) -> Value {
    let [arn, name] = certificate_members(record);
    let endpoint = &record["endpointConfiguration"];
    let is_edge = endpoint["types"][0] == "EDGE";
    let (own, zone) = match is_edge {
        true => ("distributionDomainName", "distributionHostedZoneId"),
        false => ("regionalDomainName", "regionalHostedZoneId"),
    };
    let member = |key: &str| record.get(key).cloned().unwrap_or_default();
    json!({
        "apiMappingSelectionExpression": "$request.basepath",
        "domainName": member("domainName"),
        "domainNameArn": member("domainNameArn"),
        "domainNameConfigurations": [{
            "apiGatewayDomainName": member(own),
            "certificateArn": member(arn),
            "certificateName": member(name),
            "certificateUploadDate": member("certificateUploadDate"),
            "domainNameStatus": member("domainNameStatus"),
            "endpointType": endpoint["types"][0],
            "hostedZoneId": member(zone),
            "ipAddressType": endpoint["ipAddressType"],
            "securityPolicy": member("securityPolicy"),
            "ownershipVerificationCertificateArn": member("ownershipVerificationCertificateArn"),
        }],
        "mutualTlsAuthentication": member("mutualTlsAuthentication"),
        "routingMode": mode_of_second(text(record, "routingMode")),
        "tags": record.get("tags").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

fn mode_of_second(mode: &str) -> &str {
    let found = MODES.iter().find(|(first, _)| *first == mode);
    found.map_or(mode, |(_, second)| second)
}

/// The first service's name of a mode of the second.
pub fn mode_of_first(mode: &str) -> &str {
    let found = MODES.iter().find(|(_, second)| *second == mode);
    found.map_or(mode, |(first, _)| first)
}
