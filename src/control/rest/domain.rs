//! Domain name operations, and the access associations of private domain names.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::domain::{record, trust};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::publish::domain::{CHAIN, KEY};
use crate::control::rest::noun::{self, given};
use crate::control::tags;
use crate::model::quota;
use crate::rt::tls::{self, GivenCertificate};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDomainName", create),
    ("GetDomainName", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetDomainNames", list),
    ("UpdateDomainName", update),
    ("DeleteDomainName", |desk, input| {
        let (key, _) = find(desk, input)?;
        record::delete(desk, &key).map(|()| Value::Null)
    }),
    ("CreateDomainNameAccessAssociation", associate),
    ("GetDomainNameAccessAssociations", list_associations),
    ("DeleteDomainNameAccessAssociation", end_association),
    ("RejectDomainNameAccessAssociation", reject_association),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/certificateName", As::Text, REPLACE),
        ("/certificateArn", As::Text, REPLACE),
        ("/regionalCertificateName", As::Text, REPLACE),
        ("/regionalCertificateArn", As::Text, REPLACE),
        ("/ownershipVerificationCertificateArn", As::Text, ANY),
        ("/securityPolicy", As::Text, REPLACE),
        ("/endpointAccessMode", As::Text, REPLACE),
        ("/routingMode", As::Text, REPLACE),
        ("/policy", As::Text, ANY),
        ("/managementPolicy", As::Text, ANY),
        ("/mutualTlsAuthentication/truststoreUri", As::Text, ANY),
        ("/mutualTlsAuthentication/truststoreVersion", As::Text, ANY),
        ("/endpointConfiguration/ipAddressType", As::Text, REPLACE),
    ],
};

/// The domain name that the path names, with its key.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    record::find(desk, input)?.ok_or_else(missing)
}

fn missing() -> Error {
    Error::not_found("Invalid domain name identifier specified")
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    let name = input.given("domainName");
    if name.is_empty() {
        return Err(Error::bad_request("Domain name cannot be empty"));
    }
    let mut record = given(
        input,
        &[
            "certificateName",
            "certificateArn",
            "regionalCertificateName",
            "regionalCertificateArn",
            "endpointConfiguration",
            "tags",
            "securityPolicy",
            "endpointAccessMode",
            "mutualTlsAuthentication",
            "ownershipVerificationCertificateArn",
            "policy",
            "routingMode",
        ],
    );
    trust::take(desk, &mut record)?;
    if input.has("certificateBody") || input.has("certificatePrivateKey") {
        let now = desk.now();
        keep_certificate(&mut record, input, now.as_i64().unwrap_or_default())?;
    }
    if input.has("certificateArn") || input.has("certificateBody") {
        record.insert("certificateUploadDate".to_owned(), desk.now());
    }
    match record::create(desk, name, record)? {
        Some(record) => Ok(Value::Object(record)),
        None => Err(Error::conflict(
            "The domain name you provided already exists.",
        )),
    }
}

/// Checks a certificate that was given as text; the domain is served with it.
fn keep_certificate(record: &mut Record, input: &Input, now_ms: i64) -> Outcome<()> {
    let chain = format!(
        "{}\n{}",
        input.given("certificateBody"),
        input.given("certificateChain")
    );
    let given = GivenCertificate {
        name: input.given("domainName").to_ascii_lowercase(),
        chain,
        key: input.given("certificatePrivateKey").to_owned(),
    };
    tls::inspect(&given, now_ms)
        .map_err(|what| Error::bad_request(format!("Invalid certificate: {what}")))?;
    record.insert(CHAIN.to_owned(), given.chain.into());
    record.insert(KEY.to_owned(), given.key.into());
    Ok(())
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut all = desk.list(kind::DOMAIN_NAME, "")?;
    // Nobody shares domain names with other accounts here.
    if input.text("resourceOwner") == Some("OTHER_ACCOUNTS") {
        all.clear();
    }
    noun::shown(input, all)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    for patch in Patch::all(input) {
        match patch.segments().as_slice() {
            [first, second, place] if first == "endpointConfiguration" && second == "types" => {
                patch_type(&mut record, &patch, place)?;
            }
            _ => RULES.apply_one(&mut record, &patch)?,
        }
    }
    check(&record)?;
    let mut all = Patch::all(input).into_iter();
    if all.any(|patch| patch.path.starts_with("/mutualTlsAuthentication")) {
        trust::take(desk, &mut record)?;
    }
    record::complete(desk, &mut record);
    desk.put(kind::DOMAIN_NAME, &key, &record)?;
    Ok(Value::Object(record))
}

/// A domain has one type: adding one replaces the other, and removing the other says nothing new.
fn patch_type(record: &mut Record, patch: &Patch, place: &str) -> Outcome<()> {
    let wanted = match patch.op.as_str() {
        "replace" => patch.text(),
        "add" if place.parse::<usize>().is_ok() => patch.text(),
        "add" => place,
        "remove" => return Ok(()),
        _ => {
            let message = "Invalid patch operation specified. Must be 'add'|'remove'|'replace'";
            return Err(Error::bad_request(message));
        }
    };
    let is_private = record.contains_key("domainNameId");
    match (wanted, is_private) {
        ("REGIONAL" | "EDGE", false) | ("PRIVATE", true) => {}
        ("PRIVATE", false) | ("REGIONAL" | "EDGE", true) => {
            let message = "A domain name cannot become private or public";
            return Err(Error::bad_request(message));
        }
        _ => {
            let message =
                "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
            return Err(Error::bad_request(message));
        }
    }
    let mut endpoint = record["endpointConfiguration"].clone();
    endpoint["types"] = json!([wanted]);
    record.insert("endpointConfiguration".to_owned(), endpoint);
    Ok(())
}

/// Enumerated members that a patch changed.
fn check(record: &Record) -> Outcome<()> {
    let one_of = |member: &str, allowed: &[&str]| match record.get(member).and_then(Value::as_str) {
        Some(value) if !allowed.contains(&value) => Err(Error::bad_request(format!(
            "Invalid {member} specified. Must be one of: [{}]",
            allowed.join(", ")
        ))),
        _ => Ok(()),
    };
    one_of("routingMode", ROUTING_MODES)?;
    one_of("securityPolicy", SECURITY_POLICIES)?;
    one_of("endpointAccessMode", &["BASIC", "STRICT"])
}

const ROUTING_MODES: &[&str] = &[
    "BASE_PATH_MAPPING_ONLY",
    "ROUTING_RULE_ONLY",
    "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
];

pub const SECURITY_POLICIES: &[&str] = &[
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
];

/// The key of the private domain name behind `arn:aws:apigateway:{region}:{account}:/domainnames/…`.
fn key_of_arn(arn: &str) -> Option<&str> {
    arn.rsplit_once("/domainnames/").map(|(_, key)| key)
}

fn associate(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    let arn = input.given("domainNameArn");
    let key = key_of_arn(arn).unwrap_or_default();
    let domain = desk
        .get(kind::DOMAIN_NAME, key)?
        .filter(|domain| text(domain, "domainNameArn") == arn)
        .ok_or_else(missing)?;
    if !domain.contains_key("domainNameId") {
        let message = "Access associations are only supported for private domain names";
        return Err(Error::bad_request(message));
    }
    let endpoint = input.given("accessAssociationSource");
    let id = format!("{key}/{endpoint}");
    if desk.get(kind::DOMAIN_ASSOCIATION, &id)?.is_some() {
        return Err(Error::conflict(
            "The domain name access association already exists.",
        ));
    }
    desk.admit(&quota::ACCESS_ASSOCIATIONS, || {
        desk.count(kind::DOMAIN_ASSOCIATION, "")
    })?;
    let mut record = given(
        input,
        &[
            "domainNameArn",
            "accessAssociationSourceType",
            "accessAssociationSource",
            "tags",
        ],
    );
    let scope = desk.scope();
    let own = format!(
        "arn:aws:apigateway:{}:{}:{ASSOCIATIONS}{key}/vpcesource/{endpoint}",
        scope.region, scope.account
    );
    record.insert("domainNameAccessAssociationArn".to_owned(), own.into());
    desk.put(kind::DOMAIN_ASSOCIATION, &id, &record)?;
    Ok(Value::Object(record))
}

const ASSOCIATIONS: &str = "/domainnameaccessassociations/domainname/";

/// The key of the association with this ARN.
fn find_association(desk: &Desk<'_>, arn: &str) -> Outcome<String> {
    let path = arn.rsplit_once(ASSOCIATIONS).map(|(_, path)| path);
    let id = path.unwrap_or_default().replace("/vpcesource/", "/");
    match desk.get(kind::DOMAIN_ASSOCIATION, &id)? {
        Some(_) => Ok(id),
        None => Err(Error::not_found(
            "Invalid domain name access association identifier specified",
        )),
    }
}

fn list_associations(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut all = desk.list(kind::DOMAIN_ASSOCIATION, "")?;
    if input.text("resourceOwner") == Some("OTHER_ACCOUNTS") {
        all.clear();
    }
    noun::shown(input, all)
}

fn end_association(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = find_association(desk, input.given("domainNameAccessAssociationArn"))?;
    desk.delete(kind::DOMAIN_ASSOCIATION, &id)?;
    Ok(Value::Null)
}

/// The owner of the domain name ends what somebody else began.
fn reject_association(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = find_association(desk, input.given("domainNameAccessAssociationArn"))?;
    let key = key_of_arn(input.given("domainNameArn")).unwrap_or_default();
    if !id.starts_with(&format!("{key}/")) {
        return Err(missing());
    }
    desk.delete(kind::DOMAIN_ASSOCIATION, &id)?;
    Ok(Value::Null)
}
