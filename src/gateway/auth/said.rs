//! What a Lambda authorizer said: a policy or yes or no, and what others are told of the caller.
//! (AWS: "Output from an API Gateway Lambda authorizer", "Create a Lambda function response" of HTTP
//! APIs.)

use crate::base::json::{self, Value};
use crate::lang::policy::{Kind as PolicyKind, Policy};
use crate::plan::guard::Kind;

/// A decision about a caller, which may be remembered.
#[derive(Debug)]
pub struct Said {
    pub verdict: Verdict,
    /// Simple answers name nobody.
    pub principal: Option<Box<str>>,
    /// For mappings, templates, events and logs. Of REST APIs all are texts.
    pub context: Box<[(Box<str>, Value)]>,
    /// The API key of the caller.
    pub usage_key: Option<Box<str>>,
    /// How long the function took.
    pub latency_ms: u64,
    /// About how much memory it takes.
    pub bytes: usize,
}

#[derive(Debug)]
pub enum Verdict {
    /// To be asked for each call.
    Policy(Policy),
    Flat(bool),
}

/// No output may be larger, since it may be remembered.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// AWS: "resource ARN … 512 characters" in what an authorizer returns.
const RESOURCE_CHARS_MAX: usize = 512;

/// What is parsed takes more than its text: of a list as large as its elements, twice where it has
/// grown, and of a policy's resource the parts of an ARN.
const NODE_BYTES: usize = 256;

/// Values and the names of members.
fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(members) => {
            1 + members
                .values()
                .map(|value| 1 + nodes(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

impl Said {
    /// # Errors
    /// What is wrong with the output, for the log.
    pub fn read(output: &[u8], kind: Kind, is_rest: bool) -> Result<Self, String> {
        if output.len() > OUTPUT_BYTES_MAX {
            return Err(format!("the output has more than {OUTPUT_BYTES_MAX} bytes"));
        }
        let read = json::read::<Value>(output);
        let Ok(Value::Object(output_of)) = read else {
            return Err("Invalid JSON in response".to_owned());
        };
        let text = |name: &str| {
            let value = output_of.get(name).and_then(Value::as_str);
            value.map(Box::<str>::from)
        };
        let (principal, usage_key) = (text("principalId"), text("usageIdentifierKey"));
        let verdict = match kind {
            Kind::Simple => match output_of.get("isAuthorized") {
                Some(Value::Bool(is)) => Verdict::Flat(*is),
                _ => return Err("the output has no isAuthorized that is true or false".to_owned()),
            },
            Kind::Token | Kind::Request => {
                if principal.is_none() && is_rest {
                    return Err("the output has no principalId".to_owned());
                }
                let policy = output_of.get("policyDocument");
                let policy = policy.ok_or("the output has no policyDocument")?;
                check_resources(policy)?;
                let read = Policy::from_value(policy, PolicyKind::Authorizer);
                Verdict::Policy(read.map_err(|error| format!("Invalid policy document: {error}"))?)
            }
        };
        let context = match output_of.get("context") {
            None | Some(Value::Null) => Box::default(),
            Some(Value::Object(members)) => {
                let mut context = Vec::with_capacity(members.len());
                for (name, value) in members {
                    context.push((name.as_str().into(), shown(name, value, is_rest)?));
                }
                context.into()
            }
            Some(_) => return Err("the context of the output is no object".to_owned()),
        };
        Ok(Self {
            verdict,
            principal,
            context,
            usage_key,
            latency_ms: 0,
            bytes: output.len() * 4 + nodes(&Value::Object(output_of)) * NODE_BYTES + 512,
        })
    }

    /// `authorizer.{name}` as a text; none if there is no such thing.
    pub fn property(&self, name: &str) -> Option<String> {
        let mut own = self.context.iter();
        match own.find(|(other, _)| **other == *name) {
            Some((_, Value::String(text))) => Some(text.clone()),
            Some((_, Value::Null)) => None,
            Some((_, value)) => Some(value.to_string()),
            None => match name {
                "principalId" => self.principal.as_deref().map(str::to_owned),
                "integrationLatency" => Some(self.latency_ms.to_string()),
                _ => None,
            },
        }
    }

    /// What functions are told in `requestContext.authorizer`, as JSON: who it is stands beside the
    /// context, or the context alone inside of `lambda`.
    pub fn event(&self, is_http2: bool) -> String {
        let context = self.context.iter();
        let context = context.map(|(name, value)| (name.to_string(), value.clone()));
        if is_http2 {
            let inner = match self.context.is_empty() {
                true => Value::Null,
                false => Value::from_iter(context),
            };
            return Value::from_iter([("lambda", inner)]).to_string();
        }
        let own = self.principal.iter();
        let own = own.map(|id| ("principalId".to_owned(), Value::from(&**id)));
        let latency = ("integrationLatency".to_owned(), self.latency_ms.into());
        let all = context.chain(own).chain([latency]);
        Value::from_iter(all).to_string()
    }
}

/// "You can't set a JSON object or array as a valid value of any key in the context object" of REST
/// APIs, where all become texts; HTTP APIs keep what it is.
fn shown(name: &str, value: &Value, is_rest: bool) -> Result<Value, String> {
    match value {
        value if !is_rest => Ok(value.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string().into()),
        Value::String(_) | Value::Null => Ok(value.clone()),
        Value::Array(_) | Value::Object(_) => Err(format!(
            "the context of the output has an object or array: {name}"
        )),
    }
}

fn check_resources(policy: &Value) -> Result<(), String> {
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let of = |statement: &Value| {
        let resources = match &statement["Resource"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        let mut texts = resources.iter().filter_map(Value::as_str);
        texts.any(|text| text.chars().count() > RESOURCE_CHARS_MAX)
    };
    match statements.iter().any(of) {
        true => Err(format!(
            "Invalid policy document: a resource has more than {RESOURCE_CHARS_MAX} characters"
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const POLICY: &str = r#""policyDocument":{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}"#;

    #[test]
    fn context_of_rest_apis_are_texts_and_of_http_apis_what_they_are() {
        let output = format!(
            r#"{{"principalId":"me",{POLICY},"context":{{"s":"x","n":1,"b":true,"z":null}},"usageIdentifierKey":"k"}}"#
        );
        let said = Said::read(output.as_bytes(), Kind::Token, true).unwrap();
        assert_eq!(said.usage_key.as_deref(), Some("k"));
        assert_eq!(
            said.event(false),
            r#"{"s":"x","n":"1","b":"true","z":null,"principalId":"me","integrationLatency":0}"#
        );
        for (name, expected) in [
            ("s", Some("x")),
            ("n", Some("1")),
            ("principalId", Some("me")),
            ("z", None),
            ("other", None),
        ] {
            assert_eq!(said.property(name).as_deref(), expected, "{name}");
        }
        let output = br#"{"isAuthorized":true,"context":{"n":1,"l":["a"]}}"#;
        let said = Said::read(output, Kind::Simple, false).unwrap();
        assert_eq!(said.event(true), r#"{"lambda":{"n":1,"l":["a"]}}"#);
        assert!(matches!(said.verdict, Verdict::Flat(true)));
        let said = Said::read(br#"{"isAuthorized":false}"#, Kind::Simple, false).unwrap();
        assert_eq!(said.event(true), r#"{"lambda":null}"#);
    }

    #[test]
    fn what_is_remembered_is_counted_by_its_parts() {
        assert!(NODE_BYTES >= 2 * size_of::<Value>());
        let zeros = vec!["0"; 30_000].join(",");
        let output = format!(r#"{{"isAuthorized":true,"context":{{"l":[{zeros}]}}}}"#);
        let said = Said::read(output.as_bytes(), Kind::Simple, false).unwrap();
        assert!(said.bytes > 30_000 * 2 * size_of::<Value>());
        let flat = format!(
            r#"{{"isAuthorized":true,"context":{{"l":"{}"}}}}"#,
            "0".repeat(60_000)
        );
        let flat = Said::read(flat.as_bytes(), Kind::Simple, false).unwrap();
        assert!(flat.bytes > 120_000 && flat.bytes < said.bytes / 10);
        let colons = vec![r#"":::::""#; 5_000].join(",");
        let output = format!(
            r#"{{"principalId":"me","policyDocument":{{"Statement":{{"Effect":"Allow","Action":"*","Resource":[{colons}]}}}}}}"#
        );
        let said = Said::read(output.as_bytes(), Kind::Token, true).unwrap();
        assert!(said.bytes > 5_000 * 6 * size_of::<Vec<u8>>());
    }

    #[test]
    fn a_principal_that_is_everybody_makes_no_difference() {
        let read = |principal: &str| {
            let output = format!(
                r#"{{"principalId":"me","policyDocument":{{"Version":"2012-10-17","Id":"i","Statement":[
                {{"Sid":"s","Effect":"Allow",{principal}"Action":"*","Resource":"*"}}]}}}}"#
            );
            Said::read(output.as_bytes(), Kind::Token, true).is_ok()
        };
        for (principal, expected) in [
            ("", true),
            (r#""Principal":"*","#, true),
            (r#""Principal":{"AWS":"*"},"#, true),
            (r#""Principal":{"AWS":["*"]},"#, true),
            (r#""Principal":{"AWS":"111122223333"},"#, false),
            (r#""NotPrincipal":"*","#, false),
            (r#""Principle":"*","#, false),
        ] {
            assert_eq!(read(principal), expected, "{principal}");
        }
    }

    #[test]
    fn what_is_no_decision_is_told() {
        let long = format!(
            r#"{{"principalId":"me","policyDocument":{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"{}"}}}}}}"#,
            "x".repeat(513)
        );
        let object = format!(r#"{{"principalId":"me",{POLICY},"context":{{"o":{{}}}}}}"#);
        let nobody = format!("{{{POLICY}}}");
        for (output, kind, word) in [
            ("x", Kind::Token, "Invalid JSON in response"),
            ("[]", Kind::Token, "Invalid JSON in response"),
            ("null", Kind::Simple, "Invalid JSON in response"),
            ("{}", Kind::Simple, "isAuthorized"),
            (r#"{"isAuthorized":"true"}"#, Kind::Simple, "isAuthorized"),
            (&nobody, Kind::Token, "principalId"),
            (r#"{"principalId":"me"}"#, Kind::Request, "policyDocument"),
            (
                r#"{"principalId":"me","policyDocument":{}}"#,
                Kind::Request,
                "`Statement` is needed",
            ),
            (&long, Kind::Request, "512 characters"),
            (&object, Kind::Request, "object or array: o"),
        ] {
            let error = Said::read(output.as_bytes(), kind, true).unwrap_err();
            assert!(error.contains(word), "{output}: {error}");
        }
        let large = vec![b' '; OUTPUT_BYTES_MAX + 1];
        assert!(Said::read(&large, Kind::Token, true).is_err());
    }
}
