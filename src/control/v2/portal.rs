//! Portal operations. A portal is kept, checked and has its states; the website that AWS makes of a
//! published one is not served.

use serde_json::{Map, Value, json};

use crate::aws::Arn;
use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::domain::zone;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::v2::noun::{given, member};
use crate::control::v2::product;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreatePortal", create),
    ("GetPortal", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("ListPortals", list),
    ("UpdatePortal", update),
    ("DeletePortal", delete),
    ("PublishPortal", publish),
    ("DisablePortal", disable),
    ("PreviewPortal", preview),
];

const PUBLISHED: &str = "PUBLISHED";

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let id = input.given("portalId");
    let found = desk.get(kind::PORTAL, id)?;
    found.ok_or_else(|| Error::not_found(format!("Invalid Portal identifier specified {id}")))
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let portals = desk.list(kind::PORTAL, "")?.into_iter();
    let portals = portals.map(|(id, record)| (id, Value::Object(record)));
    page::page(ServiceName::V2, input, portals)
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = desk.new_id(10);
    let mut record = Record::from_iter([
        ("portalId".to_owned(), id.clone().into()),
        (
            "portalArn".to_owned(),
            product::arn(desk, &format!("/portals/{id}")).into(),
        ),
        ("includedPortalProductArns".to_owned(), json!([])),
        ("tags".to_owned(), json!({})),
    ]);
    if let Some(domain) = take(desk, &mut record, input)? {
        let message = format!("The domain name {domain} is already used by another portal");
        return Err(Error::bad_request(message));
    }
    desk.put(kind::PORTAL, &id, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    if let Some(domain) = take(desk, &mut record, input)? {
        let message = format!("The domain name {domain} is already used by another portal");
        return Err(Error::conflict(message));
    }
    desk.put(kind::PORTAL, input.given("portalId"), &record)?;
    Ok(Value::Object(record))
}

/// Takes over what was given; answers a domain name that another portal has already.
fn take(desk: &Desk<'_>, record: &mut Record, input: &Input) -> Outcome<Option<String>> {
    if let Some(authorization) = input.members.get("authorization") {
        check_authorization(authorization)?;
    }
    if let Some(arns) = input.members.get("includedPortalProductArns") {
        check_products(desk, arns)?;
    }
    record.extend(given(input, &["portalId", "endpointConfiguration"]));
    record.insert("lastModified".to_owned(), desk.now());
    let Some(wanted) = input.members.get("endpointConfiguration") else {
        return Ok(None);
    };
    let endpoint = endpoint(desk, text(record, "portalId"), wanted)?;
    let domain = endpoint.get("domainName").cloned();
    record.insert("endpointConfiguration".to_owned(), endpoint.into());
    let Some(domain) = domain else {
        return Ok(None);
    };
    for (id, other) in desk.list(kind::PORTAL, "")? {
        if id != text(record, "portalId")
            && member(&other, "endpointConfiguration").get("domainName") == Some(&domain)
        {
            return Ok(domain.as_str().map(str::to_owned));
        }
    }
    Ok(None)
}

/// The one of two members that was given.
fn either<'v>(value: &'v Value, name: &str, one: &str, none: &str) -> Outcome<Option<&'v Value>> {
    match (value.get(one), value.get(none)) {
        (Some(given), None) => Ok(Some(given)),
        (None, Some(_)) => Ok(None),
        _ => Err(Error::bad_request(format!(
            "{name} must have exactly one of {one} and {none}"
        ))),
    }
}

fn check_authorization(authorization: &Value) -> Outcome<()> {
    let Some(cognito) = either(authorization, "authorization", "cognitoConfig", "none")? else {
        return Ok(());
    };
    let pool = cognito["userPoolArn"].as_str().unwrap_or_default();
    let is_pool = Arn::parse(pool)
        .is_some_and(|arn| arn.service == "cognito-idp" && arn.resource.starts_with("userpool/"));
    match is_pool {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "Invalid user pool ARN specified: {pool}"
        ))),
    }
}

fn check_products(desk: &Desk<'_>, arns: &Value) -> Outcome<()> {
    let arns = arns.as_array().map_or(&[][..], Vec::as_slice);
    for (index, arn) in arns.iter().enumerate() {
        let arn = arn.as_str().unwrap_or_default();
        if arns[..index].iter().any(|other| other == arn) {
            let message = format!("The portal product {arn} is included twice");
            return Err(Error::bad_request(message));
        }
        if product::of_arn(desk, arn)?.is_none() {
            let message = format!("Invalid portal product ARN specified: {arn}");
            return Err(Error::bad_request(message));
        }
    }
    Ok(())
}

/// As it is shown: what was given, and the names that a portal always has.
fn endpoint(desk: &Desk<'_>, id: &str, wanted: &Value) -> Outcome<Map<String, Value>> {
    let region = &desk.scope().region;
    let mut shown = match either(wanted, "endpointConfiguration", "acmManaged", "none")? {
        None => Map::new(),
        Some(managed) => {
            let certificate = managed["certificateArn"].as_str().unwrap_or_default();
            if Arn::parse(certificate).is_none_or(|arn| arn.service != "acm") {
                let message = format!("Invalid certificate ARN specified: {certificate}");
                return Err(Error::bad_request(message));
            }
            managed.as_object().cloned().unwrap_or_default()
        }
    };
    let name = format!("{id}.portal.{region}.amazonaws.com");
    shown.insert("portalDefaultDomainName".to_owned(), name.into());
    let zone = zone::regional(region);
    shown.insert("portalDomainHostedZoneId".to_owned(), zone.into());
    Ok(shown)
}

/// "you must disable it first"
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-portals-delete-portal.html>
fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let record = find(desk, input)?;
    if text(&record, "publishStatus") == PUBLISHED {
        let message = "The portal is published. Disable it before you delete it.";
        return Err(Error::bad_request(message));
    }
    desk.delete(kind::PORTAL, input.given("portalId"))?;
    Ok(Value::Null)
}

fn publish(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    check_products(desk, member(&record, "includedPortalProductArns"))?;
    record.insert("publishStatus".to_owned(), PUBLISHED.into());
    record.insert("lastPublished".to_owned(), desk.now());
    let description = input.given("description");
    record.insert("lastPublishedDescription".to_owned(), description.into());
    desk.put(kind::PORTAL, input.given("portalId"), &record)?;
    Ok(json!({}))
}

fn disable(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    if text(&record, "publishStatus") != PUBLISHED {
        return Err(Error::conflict("The portal is not published"));
    }
    record.insert("publishStatus".to_owned(), "DISABLED".into());
    desk.put(kind::PORTAL, input.given("portalId"), &record)?;
    Ok(Value::Null)
}

fn preview(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    check_products(desk, member(&record, "includedPortalProductArns"))?;
    let preview = json!({ "previewStatus": "PREVIEW_READY" });
    record.insert("preview".to_owned(), preview);
    desk.put(kind::PORTAL, input.given("portalId"), &record)?;
    Ok(json!({}))
}
