//! `cloneFrom`: a new API with all that another one is made of, under new ids.

use std::collections::HashMap;

use serde_json::Value;

use crate::control::desk::{Desk, Record, text};
use crate::control::error::Outcome;
use crate::control::kind;

/// Members that a clone has from its original unless it is given others.
pub const MEMBERS: &[&str] = &[
    "description",
    "version",
    "binaryMediaTypes",
    "minimumCompressionSize",
    "apiKeySource",
    "endpointConfiguration",
    "policy",
    "disableExecuteApiEndpoint",
];

/// Copies resources, models, validators, authorizers, gateway responses and documentation of
/// `source` to `target`, whose root resource has the id `root`. Stages and deployments stay behind.
pub fn parts(desk: &mut Desk<'_>, source: &str, target: &str, root: &str) -> Outcome<()> {
    let mut ids = HashMap::new();
    for kind in [kind::AUTHORIZER, kind::VALIDATOR, kind::DOCUMENTATION_PART] {
        for (_, mut record) in desk.list(kind, &format!("{source}/"))? {
            let id = renew(desk, &mut record, &mut ids);
            desk.put(kind, &format!("{target}/{id}"), &record)?;
        }
    }
    for (key, mut record) in desk.list(kind::MODEL, &format!("{source}/"))? {
        renew(desk, &mut record, &mut ids);
        let schema = text(&record, "schema").replace(
            &format!("/restapis/{source}/models/"),
            &format!("/restapis/{target}/models/"),
        );
        record.insert("schema".to_owned(), schema.into());
        desk.put(kind::MODEL, &moved(&key, target), &record)?;
    }
    for (key, record) in desk.list(kind::GATEWAY_RESPONSE, &format!("{source}/"))? {
        desk.put(kind::GATEWAY_RESPONSE, &moved(&key, target), &record)?;
    }
    resources(desk, source, target, root, ids)
}

/// `{target}/x` of `{source}/x`.
fn moved(key: &str, target: &str) -> String {
    let (_, rest) = key.split_once('/').unwrap_or(("", key));
    format!("{target}/{rest}")
}

fn renew(desk: &mut Desk<'_>, record: &mut Record, ids: &mut HashMap<String, String>) -> String {
    let id = desk.new_id(6);
    ids.insert(text(record, "id").to_owned(), id.clone());
    record.insert("id".to_owned(), id.clone().into());
    id
}

fn resources(
    desk: &mut Desk<'_>,
    source: &str,
    target: &str,
    root: &str,
    mut ids: HashMap<String, String>,
) -> Outcome<()> {
    let all = desk.list(kind::RESOURCE, &format!("{source}/"))?;
    for (_, resource) in &all {
        let id = match resource.contains_key("parentId") {
            true => desk.new_id(6),
            false => root.to_owned(),
        };
        ids.insert(text(resource, "id").to_owned(), id);
    }
    for (_, mut resource) in all {
        for member in ["id", "parentId"] {
            point(&mut resource, member, &ids);
        }
        let methods = resource.get_mut("resourceMethods");
        let methods = methods.and_then(Value::as_object_mut).into_iter().flatten();
        for method in methods.filter_map(|(_, method)| method.as_object_mut()) {
            point(method, "authorizerId", &ids);
            point(method, "requestValidatorId", &ids);
            let integration = method.get_mut("methodIntegration");
            if let Some(integration) = integration.and_then(Value::as_object_mut) {
                // Unless it was given one, it is the id of its resource.
                point(integration, "cacheNamespace", &ids);
            }
        }
        let id = text(&resource, "id").to_owned();
        desk.put(kind::RESOURCE, &format!("{target}/{id}"), &resource)?;
    }
    Ok(())
}

fn point(record: &mut Record, member: &str, ids: &HashMap<String, String>) {
    if let Some(id) = ids.get(text(record, member)) {
        record.insert(member.to_owned(), id.clone().into());
    }
}
