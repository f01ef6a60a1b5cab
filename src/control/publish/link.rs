//! Integrations over VPC links, turned to the upstreams of the config file that stand for them.

use serde_json::Value;

use crate::control::desk::{Desk, Record, text};
use crate::control::error::Outcome;
use crate::control::kind;

/// The member of an integration that says why its link cannot be used.
const FAULT: &str = "linkFault";

/// Why an integration over a link cannot be asked.
pub fn fault(integration: &Value) -> String {
    let known = integration[FAULT].as_str();
    known.unwrap_or("An integration over a VPC link").to_owned()
}

/// Lets the integrations of a REST deployment ask upstreams: the authority of the URI is the host
/// that they are asked for.
pub fn in_rest(desk: &Desk<'_>, stage: &Record, deployment: &mut Record) -> Outcome<()> {
    let frozen = deployment.get_mut("frozen");
    let resources = frozen.and_then(|frozen| frozen["resources"].as_array_mut());
    for resource in resources.into_iter().flatten() {
        let methods = resource["resourceMethods"].as_object_mut();
        for method in methods.into_iter().flat_map(|all| all.values_mut()) {
            let integration = &mut method["methodIntegration"];
            if integration["connectionType"] != "VPC_LINK" {
                continue;
            }
            let uri = integration["uri"].as_str().unwrap_or_default().to_owned();
            let variables = stage.get("variables").unwrap_or(&Value::Null);
            let target = integration["integrationTarget"]
                .as_str()
                .unwrap_or_default();
            let link = upstream(desk, integration, variables, target)?;
            let asked = link.and_then(|upstream| {
                let (scheme, rest) = uri.split_once("://").ok_or("A link without a URL")?;
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                Ok(format!("{scheme}://{authority}|{upstream}{path}"))
            });
            turn(integration, "uri", asked);
        }
    }
    Ok(())
}

/// Lets the integrations of an HTTP API ask upstreams for the host that the client asked for: the
/// URI of the integration is only the ARN of what the link leads to. "API Gateway includes the
/// stage portion of the API endpoint in the request to your backend resources."
pub fn in_http(desk: &Desk<'_>, stage: &Record, deployment: &mut Record) -> Outcome<()> {
    let frozen = deployment.get_mut("frozen");
    let integrations = frozen.and_then(|frozen| frozen["integrations"].as_array_mut());
    for integration in integrations.into_iter().flatten() {
        if integration["connectionType"] != "VPC_LINK" {
            continue;
        }
        let variables = stage.get("stageVariables").unwrap_or(&Value::Null);
        let target = integration["integrationUri"].as_str().unwrap_or_default();
        let link = upstream(desk, integration, variables, target)?;
        let name = match text(stage, "stageName") {
            "$default" => "",
            name => name,
        };
        let is_secure = integration["tlsConfig"].is_object();
        let scheme = if is_secure { "https" } else { "http" };
        let server = integration["tlsConfig"]["serverNameToVerify"].as_str();
        let server = server.unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let asked = link.and_then(|upstream| match server.bytes().all(is_name) {
            true if server.is_empty() => Ok(format!("{scheme}://|{upstream}|/{name}")),
            true => Ok(format!("{scheme}://|{upstream}|{server}|/{name}")),
            false => Err(format!("The server name to verify {server}")),
        });
        turn(integration, "integrationUri", asked);
        if let Some(integration) = integration.as_object_mut() {
            // It stands in the URI now.
            integration.shift_remove("tlsConfig");
        }
    }
    Ok(())
}

fn turn(integration: &mut Value, member: &str, asked: Result<String, String>) {
    match asked {
        Ok(uri) => {
            integration[member] = uri.into();
            integration["connectionType"] = "INTERNET".into();
        }
        Err(fault) => integration[FAULT] = fault.into(),
    }
}

/// The upstream that stands for the link of an integration that leads to `target`; the inner error
/// says what is missing. The most telling goes first: ARNs, the id, the name.
fn upstream(
    desk: &Desk<'_>,
    integration: &Value,
    variables: &Value,
    target: &str,
) -> Outcome<Result<String, String>> {
    let written = integration["connectionId"].as_str().unwrap_or_default();
    let variable = written.strip_prefix("${stageVariables.");
    let id = match variable.and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => variables[name].as_str().unwrap_or_default(),
        None => written,
    };
    let found = match desk.get(kind::VPC_LINK, id)? {
        Some(found) => Some(found),
        None => desk.get(kind::VPC_LINK_V2, id)?,
    };
    let Some(link) = found else {
        return Ok(Err(format!(
            "The VPC link {written}, which does not exist,"
        )));
    };
    let arns = link.get("targetArns").and_then(Value::as_array);
    let arns = arns.into_iter().flatten().filter_map(Value::as_str);
    let name = text(&link, "name");
    for known in [target].into_iter().chain(arns).chain([id, name]) {
        if let Some(upstream) = desk.get(kind::UPSTREAM, known)? {
            return Ok(Ok(text(&upstream, "name").to_owned()));
        }
    }
    Ok(Err(format!(
        "The VPC link {name} (write `vpc_link = \"{name}\"` into one of the `[upstreams]` of the \
         config file)"
    )))
}
