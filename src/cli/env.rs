//! `daemun env`: the variables that send AWS's tools to this gateway, for a shell to evaluate.

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use anyhow::bail;

use crate::base::json;
use crate::cli::command::say;
use crate::cli::remote::Where;
use crate::control::Service;

/// What stands behind `AWS_ENDPOINT_URL_` for each client that signs for this service: the SDKs'
/// service ids in capitals.
fn clients(service: Service) -> &'static [&'static str] {
    match service {
        Service::ApiGateway => &["API_GATEWAY", "APIGATEWAYV2"],
        Service::Lambda => &["LAMBDA"],
        Service::Sts => &["STS"],
    }
}

pub fn run(at: &Where, as_json: bool) -> anyhow::Result<ExitCode> {
    let management = at.management()?;
    let url = at.url(management.as_ref());
    if url.ends_with(":0") {
        bail!("the system chooses the port (`management.address` has port 0); say --endpoint");
    }
    let is_open = management
        .as_ref()
        .is_none_or(|management| management.keys.is_empty());
    let mut variables: BTreeMap<String, String> = Service::ALL
        .iter()
        .flat_map(|service| clients(*service))
        .map(|client| (format!("AWS_ENDPOINT_URL_{client}"), url.clone()))
        .collect();
    let has = |names: &[&str]| names.iter().any(|name| env::var_os(name).is_some());
    let mut add = |name: &str, value: String| variables.insert(name.to_owned(), value);
    // Tools refuse to start without a key, even where any will do.
    if at.key.is_some() || (is_open && !has(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE"])) {
        let signature = at.signature(management.as_ref())?;
        add("AWS_ACCESS_KEY_ID", signature.id);
        add("AWS_SECRET_ACCESS_KEY", signature.secret);
    }
    // Python's tools do not look at AWS_REGION.
    if !has(&["AWS_DEFAULT_REGION", "AWS_PROFILE"]) {
        let region = env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
        add("AWS_DEFAULT_REGION", region);
    }
    if as_json {
        return say(&json::pretty(&variables));
    }
    let lines = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)));
    say(&lines.collect::<String>())
}

/// As a shell reads it back.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@%".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_values_back() {
        assert_eq!(quoted("http://127.0.0.1:8081"), "http://127.0.0.1:8081");
        assert_eq!(quoted("wJalr/bPx+EXAMPLE="), "wJalr/bPx+EXAMPLE=");
        assert_eq!(quoted("a'b $c"), "'a'\\''b $c'");
        assert_eq!(quoted(""), "''");
    }
}
