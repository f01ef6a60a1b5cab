//! Portal products, with the policies by which they are shared.

use serde_json::{Value, json};

use crate::aws::Arn;
use crate::aws::arn::partition_of;
use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::v2::noun::{given, with_defaults};
use crate::lang::policy::{Kind, Policy};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreatePortalProduct", create),
    ("GetPortalProduct", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("ListPortalProducts", list),
    ("UpdatePortalProduct", update),
    ("DeletePortalProduct", delete),
    ("PutPortalProductSharingPolicy", put_policy),
    ("GetPortalProductSharingPolicy", get_policy),
    ("DeletePortalProductSharingPolicy", delete_policy),
];

/// Not shown with a product, so it may lie in its record.
const SHARING_POLICY: &str = "sharingPolicy";

/// Unlike those of APIs, the ARNs of this family name the account.
pub fn arn(desk: &Desk<'_>, path: &str) -> String {
    let scope = desk.scope();
    let (partition, region, account) = (partition_of(&scope.region), &scope.region, &scope.account);
    format!("arn:{partition}:apigateway:{region}:{account}:{path}")
}

/// The product that the input names.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let id = input.given("portalProductId");
    let found = match input.text("resourceOwnerAccountId") {
        Some(owner) if owner != desk.scope().account => None,
        _ => desk.get(kind::PORTAL_PRODUCT, id)?,
    };
    let unknown = || format!("Invalid Portal Product identifier specified {id}");
    found.ok_or_else(|| Error::not_found(unknown()))
}

/// The product behind an ARN, if it is one of the account and region.
pub fn of_arn(desk: &Desk<'_>, text: &str) -> Outcome<Option<Record>> {
    let id = Arn::parse(text).and_then(|parsed| parsed.resource.strip_prefix("/portalproducts/"));
    match id {
        Some(id) if arn(desk, &format!("/portalproducts/{id}")) == text => {
            desk.get(kind::PORTAL_PRODUCT, id)
        }
        _ => Ok(None),
    }
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let products = match input.text("resourceOwner") {
        None | Some("SELF") => desk.list(kind::PORTAL_PRODUCT, "")?,
        Some("OTHER_ACCOUNTS") => Vec::new(),
        Some(other) => {
            let message = format!("Invalid resource owner specified: {other}");
            return Err(Error::bad_request(message));
        }
    };
    let products = products.into_iter();
    let products = products.map(|(id, record)| (id, Value::Object(record)));
    page::page(ServiceName::V2, input, products)
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = desk.new_id(10);
    let defaults = json!({
        "portalProductId": id,
        "portalProductArn": arn(desk, &format!("/portalproducts/{id}")),
        "description": "",
        "lastModified": desk.now(),
        "tags": {},
    });
    let record = with_defaults(defaults, given(input, &[]));
    desk.put(kind::PORTAL_PRODUCT, &id, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    if let Some(order) = input.members.get("displayOrder") {
        check_order(desk, input, order)?;
    }
    record.extend(given(input, &["portalProductId"]));
    keep(desk, input, record)
}

/// Writes the product back with the time of the change.
pub fn keep(desk: &mut Desk<'_>, input: &Input, mut record: Record) -> Outcome<Value> {
    record.insert("lastModified".to_owned(), desk.now());
    let id = input.given("portalProductId");
    desk.put(kind::PORTAL_PRODUCT, id, &record)?;
    Ok(Value::Object(record))
}

/// Each page is one of the product's, in one place at most.
fn check_order(desk: &Desk<'_>, input: &Input, order: &Value) -> Outcome<()> {
    let below = format!("{}/", input.given("portalProductId"));
    let arns_of = |kind, key: &str| -> Outcome<Vec<String>> {
        let pages = desk.list(kind, &below)?.into_iter();
        Ok(pages.map(|(_, page)| text(&page, key).to_owned()).collect())
    };
    let pages = arns_of(kind::PRODUCT_PAGE, "productPageArn")?;
    let endpoints = arns_of(kind::ENDPOINT_PAGE, "productRestEndpointPageArn")?;
    let all = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut seen = Vec::new();
    let mut check = |known: &[String], arns: Vec<String>| -> Outcome<()> {
        for arn in arns {
            if !known.contains(&arn) {
                let message = format!("Invalid page ARN specified: {arn}");
                return Err(Error::bad_request(message));
            }
            if seen.contains(&arn) {
                let message = format!("The page {arn} is in the display order twice");
                return Err(Error::bad_request(message));
            }
            seen.push(arn);
        }
        Ok(())
    };
    let overview = order["overviewPageArn"].as_str().map(str::to_owned);
    check(&pages, overview.into_iter().collect())?;
    check(&pages, all(&order["productPageArns"]))?;
    for section in order["contents"].as_array().into_iter().flatten() {
        check(&endpoints, all(&section["productRestEndpointPageArns"]))?;
    }
    Ok(())
}

/// Portals that include it keep its ARN, and cannot be published until it is taken out.
fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    let id = input.given("portalProductId");
    desk.delete(kind::PORTAL_PRODUCT, id)?;
    for below in [kind::PRODUCT_PAGE, kind::ENDPOINT_PAGE] {
        desk.delete_all(below, &format!("{id}/"))?;
    }
    Ok(Value::Null)
}

fn put_policy(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    let document = input.given("policyDocument");
    // AWS writes such policies without principals.
    let parsed = Policy::parse(document, Kind::Resource);
    if let Err(error) = parsed.or_else(|_| Policy::parse(document, Kind::Identity)) {
        let message = format!("Invalid policy document. {error}");
        return Err(Error::bad_request(message));
    }
    record.insert(SHARING_POLICY.to_owned(), document.into());
    let id = input.given("portalProductId");
    desk.put(kind::PORTAL_PRODUCT, id, &record)?;
    Ok(json!({}))
}

fn no_policy(input: &Input) -> Error {
    let id = input.given("portalProductId");
    Error::not_found(format!("The portal product {id} has no sharing policy"))
}

fn get_policy(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let record = find(desk, input)?;
    let policy = record.get(SHARING_POLICY);
    let policy = policy.ok_or_else(|| no_policy(input))?;
    Ok(json!({
        "policyDocument": policy,
        "portalProductId": input.given("portalProductId"),
    }))
}

fn delete_policy(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    let before = record.remove(SHARING_POLICY);
    before.ok_or_else(|| no_policy(input))?;
    let id = input.given("portalProductId");
    desk.put(kind::PORTAL_PRODUCT, id, &record)?;
    Ok(Value::Null)
}
