//! Routing rule operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::domain::mapping::{self, Protocol};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::rest::is_path_byte;
use crate::control::v2::domain;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRoutingRule", create),
    ("GetRoutingRule", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("ListRoutingRules", list),
    ("PutRoutingRule", put),
    ("DeleteRoutingRule", |desk, input| {
        let (key, _) = find(desk, input)?;
        desk.delete(kind::ROUTING_RULE, &key)?;
        Ok(Value::Null)
    }),
];

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let (domain, _) = domain::find(desk, input)?;
    let key = format!("{domain}/{}", input.given("routingRuleId"));
    let found = desk.get(kind::ROUTING_RULE, &key)?;
    let missing = "The routing rule resource specified in the request was not found.";
    Ok((key, found.ok_or_else(|| Error::not_found(missing))?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, own) = domain::find(desk, input)?;
    let id = desk.new_id(10);
    check(desk, &domain, None, input)?;
    let arn = own["domainNameArn"].as_str().unwrap_or_default();
    // Unlike its domain's, the ARN of a rule names the account.
    let scope = desk.scope();
    let arn = arn.replacen("::", &format!(":{}:", scope.account), 1);
    let mut record = Record::from_iter([
        ("routingRuleId".to_owned(), id.clone().into()),
        (
            "routingRuleArn".to_owned(),
            format!("{arn}/routingrules/{id}").into(),
        ),
    ]);
    take(&mut record, input);
    desk.put(kind::ROUTING_RULE, &format!("{domain}/{id}"), &record)?;
    Ok(Value::Object(record))
}

fn put(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let (domain, _) = domain::find(desk, input)?;
    check(desk, &domain, Some(&key), input)?;
    take(&mut record, input);
    desk.put(kind::ROUTING_RULE, &key, &record)?;
    Ok(Value::Object(record))
}

fn take(record: &mut Record, input: &Input) {
    for member in ["actions", "conditions", "priority"] {
        let value = input.members.get(member).cloned().unwrap_or_default();
        record.insert(member.to_owned(), value);
    }
    if let Some(Value::Array(actions)) = record.get_mut("actions") {
        for action in actions {
            let strips = action["invokeApi"]["stripBasePath"] == true;
            action["invokeApi"]["stripBasePath"] = strips.into();
        }
    }
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, _) = domain::find(desk, input)?;
    let all = desk.list(kind::ROUTING_RULE, &format!("{domain}/"))?;
    let all = all.into_iter();
    let page = page::page(
        ServiceName::V2,
        input,
        all.map(|(key, record)| (key, Value::Object(record))),
    )?;
    Ok(json!({ "routingRules": page["items"], "nextToken": page.get("nextToken") }))
}

fn items<'v>(value: Option<&'v Value>, member: &str) -> Vec<&'v Value> {
    let value = value.and_then(Value::as_array).into_iter().flatten();
    let found = value.filter_map(|item| item.get(member));
    found.collect()
}

/// What AWS asks of a rule: one action, at most two headers and one list of base paths, a priority
/// of its own, a stage of a REST API.
fn check(desk: &Desk<'_>, domain: &str, own: Option<&str>, input: &Input) -> Outcome<()> {
    let wrong = |message: String| Err(Error::bad_request(message));
    let actions = items(input.members.get("actions"), "invokeApi");
    let [action] = actions.as_slice() else {
        return wrong("A routing rule has exactly one action".to_owned());
    };
    let api = action["apiId"].as_str().unwrap_or_default();
    let stage = action["stage"].as_str().unwrap_or_default();
    match mapping::protocol(desk, api)? {
        Some(Protocol::Rest) => {}
        Some(_) => return wrong("Routing rules only lead to REST APIs".to_owned()),
        None => {
            return Err(Error::not_found(
                "Invalid API identifier specified The resource specified in the request was not found.",
            ));
        }
    }
    if !mapping::has_stage(desk, api, stage)? {
        return Err(Error::not_found("Invalid stage identifier specified"));
    }
    check_conditions(input)?;
    let priority = input.integer("priority").unwrap_or_default();
    if !(1..=1_000_000).contains(&priority) {
        return wrong("The priority of a routing rule is between 1 and 1000000".to_owned());
    }
    for (key, other) in desk.list(kind::ROUTING_RULE, &format!("{domain}/"))? {
        if own != Some(&key) && other["priority"] == priority {
            return Err(Error::conflict(format!(
                "A routing rule with priority {priority} already exists for this domain name"
            )));
        }
    }
    Ok(())
}

fn check_conditions(input: &Input) -> Outcome<()> {
    let conditions = input.members.get("conditions");
    let any_of = |member: &str| -> Vec<&Value> {
        let lists = items(conditions, member).into_iter();
        let lists = lists.filter_map(|list| list["anyOf"].as_array());
        lists.flatten().collect()
    };
    let wrong = |message: &str| Err(Error::bad_request(message));
    if items(conditions, "matchBasePaths").len() > 1 {
        return wrong("A routing rule has at most one base path condition");
    }
    if items(conditions, "matchHeaders").len() > 2 {
        return wrong("A routing rule has at most two header conditions");
    }
    for path in any_of("matchBasePaths") {
        let path = path.as_str().unwrap_or_default();
        let mut segments = path.split('/');
        if !segments.all(|part| !part.is_empty() && part.bytes().all(is_path_byte)) {
            return wrong("A base path holds letters, numbers, $-_.+!*'() and single slashes");
        }
    }
    for header in any_of("matchHeaders") {
        let name = header["header"].as_str().unwrap_or_default();
        let glob = header["valueGlob"].as_str().unwrap_or_default();
        if !crate::base::ascii::is_token(name.as_bytes()) {
            return wrong("The header of a condition is not the name of a header");
        }
        let inner = glob.strip_prefix('*').unwrap_or(glob);
        let inner = inner.strip_suffix('*').unwrap_or(inner);
        if inner.is_empty() || inner.contains('*') {
            return wrong("A wildcard only stands at the start or the end of a header's value");
        }
    }
    Ok(())
}
