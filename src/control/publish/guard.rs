//! Who may call a route: what its authorization type asks for, and the resource policy of its API.

use std::sync::Arc;

use serde_json::Value;

use crate::aws::arn::partition_of;
use crate::control::desk::{Record, Scope, text};
use crate::control::publish::authorizer;
use crate::control::publish::refusal::unchecked;
use crate::lang::policy::{Kind, Policy};
use crate::model::v2::{Authorization, FunctionCall, Guard, Integration};

/// Writes the resource policy into what a deployment of the REST API `id` froze, as it is to be read:
/// with whole ARNs. "If the API has been previously deployed, you need to redeploy it for the
/// resource policy to take effect"; deployments that kept none follow the API.
pub(in crate::control::publish) fn settle(
    api: &Record,
    id: &str,
    deployment: &mut Record,
    scope: &Scope,
) {
    let Some(Value::Object(frozen)) = deployment.get_mut("frozen") else {
        return;
    };
    let Some(Value::Object(own)) = frozen.get_mut("api") else {
        return;
    };
    let written = match own.get("policy") {
        Some(frozen) => frozen.as_str().unwrap_or_default(),
        None => text(api, "policy"),
    };
    let policy = match written {
        "" => Value::Null,
        written => Value::from(with_arns(written, id, scope)),
    };
    own.insert("policy".to_owned(), policy);
}

/// The document with whole ARNs in the place of `execute-api:/stage/verb/path`, which AWS takes too.
fn with_arns(written: &str, id: &str, scope: &Scope) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(written) else {
        return written.to_owned();
    };
    let Scope { account, region } = scope;
    let partition = partition_of(region);
    let start = format!("arn:{partition}:execute-api:{region}:{account}:{id}");
    let complete = |value: &mut Value| {
        let Value::String(resource) = value else {
            return;
        };
        if let Some(rest) = resource.strip_prefix(SHORT) {
            *resource = format!("{start}/{rest}");
        }
    };
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => &mut [],
    };
    for statement in statements {
        for name in ["Resource", "NotResource"] {
            match statement.get_mut(name) {
                Some(Value::Array(all)) => all.iter_mut().for_each(complete),
                Some(one) => complete(one),
                None => {}
            }
        }
    }
    document.to_string()
}

const SHORT: &str = "execute-api:/";

/// The resource policy that a deployment froze, once it is settled.
///
/// # Errors
/// What is wrong with it.
pub(in crate::control::publish) fn policy(frozen: &Value) -> Result<Option<Arc<str>>, String> {
    let Some(text) = frozen["api"]["policy"].as_str() else {
        return Ok(None);
    };
    match Policy::parse(text, Kind::Resource) {
        Ok(_) => Ok(Some(text.into())),
        Err(error) => Err(format!("The resource policy cannot be read ({error})")),
    }
}

/// The guard of a route or method; none: everybody may call it.
///
/// # Errors
/// The integration that refuses its calls, since its callers cannot be checked: whom nobody checks
/// is not let in.
pub(in crate::control::publish) fn guard(
    (frozen, method): (&Value, &Value),
    policy: &Result<Option<Arc<str>>, String>,
    facts: &FunctionCall,
    scope: &Scope,
) -> Result<Option<Guard>, Integration> {
    let policy = policy
        .as_ref()
        .map_err(|what| unchecked(403, what.clone()))?;
    let authorization = match method["authorizationType"].as_str() {
        None | Some("NONE") => Authorization::None,
        Some("AWS_IAM") => Authorization::Iam,
        Some("CUSTOM") => {
            let found = authorizer::of(frozen, &method["authorizerId"], facts);
            let found = found.map_err(|what| unchecked(500, what))?;
            Authorization::Function(Box::new(found))
        }
        Some(other) => {
            let what = format!("Authorization type {other} is not checked by this version");
            return Err(unchecked(500, what));
        }
    };
    let is_open = authorization == Authorization::None && policy.is_none();
    Ok((!is_open).then(|| Guard {
        authorization,
        region: scope.region.clone(),
        policy: policy.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_resources_become_arns() {
        let scope = Scope {
            account: "111122223333".to_owned(),
            region: "cn-north-1".to_owned(),
        };
        let check = |written: &str, expected: &str| {
            assert_eq!(with_arns(written, "a1", &scope), expected);
        };
        let arn = "arn:aws-cn:execute-api:cn-north-1:111122223333:a1";
        check(
            r#"{"Statement":{"NotResource":"execute-api:/*"}}"#,
            &format!(r#"{{"Statement":{{"NotResource":"{arn}/*"}}}}"#),
        );
        check(
            r#"{"Statement":[{"Resource":["execute-api:/p/GET/x","arn:aws:s3:::b"]}]}"#,
            &format!(r#"{{"Statement":[{{"Resource":["{arn}/p/GET/x","arn:aws:s3:::b"]}}]}}"#),
        );
        check("{", "{");
        check("[]", "[]");
    }
}
