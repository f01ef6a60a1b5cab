//! VPC link operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::tags;
use crate::control::v2::noun::{given, with_defaults};
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateVpcLink", create),
    ("GetVpcLink", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("GetVpcLinks", |desk, input| {
        let all = desk.list(kind::VPC_LINK_V2, "")?.into_iter();
        let all = all.map(|(id, record)| (id, Value::Object(record)));
        page::page(ServiceName::V2, input, all)
    }),
    ("UpdateVpcLink", update),
    ("DeleteVpcLink", |desk, input| {
        find(desk, input)?;
        desk.delete(kind::VPC_LINK_V2, input.given("vpcLinkId"))?;
        Ok(json!({}))
    }),
];

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let id = input.given("vpcLinkId");
    let found = desk.get(kind::VPC_LINK_V2, id)?;
    found.ok_or_else(|| Error::not_found(format!("Invalid VpcLink identifier specified {id}")))
}

fn check_name(name: Option<&str>) -> Outcome<()> {
    match name {
        None | Some("") => Err(Error::bad_request("Name cannot be empty")),
        Some(_) => Ok(()),
    }
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    check_name(input.text("name"))?;
    let subnets = input.members.get("subnetIds").and_then(Value::as_array);
    if subnets.is_none_or(Vec::is_empty) {
        return Err(Error::bad_request("SubnetIds cannot be empty"));
    }
    desk.admit(&quota::VPC_LINKS_V2, || desk.count(kind::VPC_LINK_V2, ""))?;
    let id = desk.new_id(6);
    let defaults = json!({
        "createdDate": desk.now(),
        "securityGroupIds": [],
        "tags": {},
        "vpcLinkId": id,
        "vpcLinkStatus": "AVAILABLE",
        "vpcLinkStatusMessage": "VPC link is ready to route traffic",
        "vpcLinkVersion": "V2",
    });
    let record = with_defaults(defaults, given(input, &[]));
    desk.put(kind::VPC_LINK_V2, &id, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    if let Some(name) = input.text("name") {
        check_name(Some(name))?;
        record.insert("name".to_owned(), name.into());
    }
    desk.put(kind::VPC_LINK_V2, input.given("vpcLinkId"), &record)?;
    Ok(Value::Object(record))
}
