//! The pages of portal products: those with a text of their own, and those of REST endpoints.

use serde_json::{Map, Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::v2::noun::member;
use crate::control::v2::product;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateProductPage", create_page),
    ("GetProductPage", |desk, input| {
        PAGE.find(desk, input).map(Value::Object)
    }),
    ("ListProductPages", |desk, input| {
        PAGE.list(desk, input, |page| {
            let title = member(page, "displayContent")["title"].clone();
            page.insert("pageTitle".to_owned(), title);
        })
    }),
    ("UpdateProductPage", update_page),
    ("DeleteProductPage", |desk, input| PAGE.delete(desk, input)),
    ("CreateProductRestEndpointPage", create_endpoint),
    ("GetProductRestEndpointPage", get_endpoint),
    ("ListProductRestEndpointPages", |desk, input| {
        ENDPOINT.list(desk, input, |page| {
            let content = member(page, "displayContent").clone();
            for key in ["endpoint", "operationName"] {
                page.insert(key.to_owned(), content[key].clone());
            }
        })
    }),
    ("UpdateProductRestEndpointPage", update_endpoint),
    ("DeleteProductRestEndpointPage", |desk, input| {
        ENDPOINT.delete(desk, input)
    }),
];

/// One of the two kinds of pages.
struct Pages {
    kind: &'static str,
    id: &'static str,
    arn: &'static str,
    /// In the path.
    collection: &'static str,
    title: &'static str,
}

const PAGE: Pages = Pages {
    kind: kind::PRODUCT_PAGE,
    id: "productPageId",
    arn: "productPageArn",
    collection: "productpages",
    title: "Product Page",
};

const ENDPOINT: Pages = Pages {
    kind: kind::ENDPOINT_PAGE,
    id: "productRestEndpointPageId",
    arn: "productRestEndpointPageArn",
    collection: "productrestendpointpages",
    title: "Product REST Endpoint Page",
};

impl Pages {
    fn key(&self, input: &Input) -> String {
        format!(
            "{}/{}",
            input.given("portalProductId"),
            input.given(self.id)
        )
    }

    fn find(&self, desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
        product::find(desk, input)?;
        let found = desk.get(self.kind, &self.key(input))?;
        let (title, id) = (self.title, input.given(self.id));
        let unknown = || format!("Invalid {title} identifier specified {id}");
        found.ok_or_else(|| Error::not_found(unknown()))
    }

    fn list(&self, desk: &Desk<'_>, input: &Input, summarise: fn(&mut Record)) -> Outcome<Value> {
        product::find(desk, input)?;
        let below = format!("{}/", input.given("portalProductId"));
        let pages = desk.list(self.kind, &below)?.into_iter();
        let pages = pages.map(|(key, mut record)| {
            summarise(&mut record);
            (key, Value::Object(record))
        });
        page::page(ServiceName::V2, input, pages)
    }

    /// Keeps a new page under a new id.
    fn create(&self, desk: &mut Desk<'_>, input: &Input, mut record: Record) -> Outcome<Value> {
        let id = desk.new_id(10);
        let product = input.given("portalProductId");
        let path = format!("/portalproducts/{product}/{}/{id}", self.collection);
        record.insert(self.arn.to_owned(), product::arn(desk, &path).into());
        record.insert(self.id.to_owned(), id.clone().into());
        record.insert("lastModified".to_owned(), desk.now());
        desk.put(self.kind, &format!("{product}/{id}"), &record)?;
        Ok(Value::Object(record))
    }

    fn keep(&self, desk: &mut Desk<'_>, input: &Input, mut record: Record) -> Outcome<Value> {
        record.insert("lastModified".to_owned(), desk.now());
        desk.put(self.kind, &self.key(input), &record)?;
        Ok(Value::Object(record))
    }

    /// Takes the page out of the product's display order too.
    fn delete(&self, desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
        let record = self.find(desk, input)?;
        desk.delete(self.kind, &self.key(input))?;
        let mut product = product::find(desk, input)?;
        if let Some(order) = product.get_mut("displayOrder") {
            forget(order, text(&record, self.arn));
            product::keep(desk, input, product)?;
        }
        Ok(Value::Null)
    }
}

fn forget(order: &mut Value, arn: &str) {
    let without = |list: &mut Value| {
        if let Some(list) = list.as_array_mut() {
            list.retain(|other| other != arn);
        }
    };
    if order["overviewPageArn"] == arn
        && let Some(order) = order.as_object_mut()
    {
        order.remove("overviewPageArn");
    }
    if let Some(list) = order.get_mut("productPageArns") {
        without(list);
    }
    let sections = order.get_mut("contents").and_then(Value::as_array_mut);
    for section in sections.into_iter().flatten() {
        if let Some(list) = section.get_mut("productRestEndpointPageArns") {
            without(list);
        }
    }
}

fn create_page(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    product::find(desk, input)?;
    let content = input.members.get("displayContent").cloned();
    let content = content.unwrap_or_default();
    let record = Record::from_iter([("displayContent".to_owned(), content)]);
    PAGE.create(desk, input, record)
}

fn update_page(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = PAGE.find(desk, input)?;
    if let Some(content) = input.members.get("displayContent") {
        record.insert("displayContent".to_owned(), content.clone());
    }
    PAGE.keep(desk, input, record)
}

fn create_endpoint(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    product::find(desk, input)?;
    let identifier = member(&input.members, "restEndpointIdentifier");
    let Some(parts) = identifier.get("identifierParts") else {
        let message = "restEndpointIdentifier.identifierParts is required";
        return Err(Error::bad_request(message));
    };
    check_endpoint(desk, parts)?;
    let mut record = Record::from_iter([
        ("restEndpointIdentifier".to_owned(), identifier.clone()),
        ("status".to_owned(), "AVAILABLE".into()),
        ("tryItState".to_owned(), "ENABLED".into()),
    ]);
    take(desk, &mut record, input)?;
    ENDPOINT.create(desk, input, record)
}

fn update_endpoint(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = ENDPOINT.find(desk, input)?;
    take(desk, &mut record, input)?;
    ENDPOINT.keep(desk, input, record)
}

/// A method of a REST API of this region that is deployed to the stage.
fn check_endpoint(desk: &Desk<'_>, parts: &Value) -> Outcome<()> {
    let part = |key: &str| parts[key].as_str().unwrap_or_default();
    let (api, stage) = (part("restApiId"), part("stage"));
    if desk.get(kind::REST_API, api)?.is_none() {
        let message = format!("Invalid API identifier specified {api}");
        return Err(Error::not_found(message));
    }
    let found = desk.get(kind::STAGE, &format!("{api}/{stage}"))?;
    let found = found.ok_or_else(|| Error::not_found("Invalid stage identifier specified"))?;
    let deployment = format!("{api}/{}", text(&found, "deploymentId"));
    let deployment = desk.get(kind::DEPLOYMENT, &deployment)?.unwrap_or_default();
    let resources = deployment.get("frozen").map(|frozen| &frozen["resources"]);
    let mut resources = resources.and_then(Value::as_array).into_iter().flatten();
    let (path, method) = (part("path"), part("method"));
    let is_there = resources.any(|resource| {
        resource["path"] == path && resource["resourceMethods"].get(method).is_some()
    });
    match is_there {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "Stage {stage} of API {api} has no method {method} {path}"
        ))),
    }
}

/// Takes over what was given, and makes of it what is shown.
fn take(desk: &Desk<'_>, record: &mut Record, input: &Input) -> Outcome<()> {
    if let Some(state) = input.members.get("tryItState") {
        record.insert("tryItState".to_owned(), state.clone());
    }
    let raw = input.members.get("displayContent").cloned();
    let raw = match raw {
        Some(raw) if raw.get("none").is_some() == raw.get("overrides").is_some() => {
            let message = "displayContent must have exactly one of none and overrides";
            return Err(Error::bad_request(message));
        }
        Some(raw) => raw,
        None if record.contains_key("displayContent") => return Ok(()),
        None => json!({ "none": {} }),
    };
    let mut shown = match raw.get("overrides") {
        Some(Value::Object(overrides)) => overrides.clone(),
        _ => Map::new(),
    };
    let parts = &member(record, "restEndpointIdentifier")["identifierParts"];
    let part = |key: &str| parts[key].as_str().unwrap_or_default();
    let region = &desk.scope().region;
    let endpoint = format!(
        "https://{}.execute-api.{region}.amazonaws.com/{}",
        part("restApiId"),
        part("stage")
    );
    shown.entry("endpoint").or_insert_with(|| endpoint.into());
    record.insert("displayContent".to_owned(), shown.into());
    record.insert("rawDisplayContent".to_owned(), raw.to_string().into());
    Ok(())
}

fn get_endpoint(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = ENDPOINT.find(desk, input)?;
    if input.text("includeRawDisplayContent") != Some("true") {
        record.remove("rawDisplayContent");
    }
    Ok(Value::Object(record))
}
