//! `$context` of REST APIs: what mappings, gateway responses and templates may ask of a call.
//! (AWS: "Variables for data transformations for API Gateway", `$context`.)

use std::borrow::Cow;

use crate::base::ascii;
use crate::base::date::{self, Style};
use crate::gateway::Call;
use crate::gateway::asked::Asked;
use crate::gateway::transform::body;
use crate::lang::params::{Part, Source};
use crate::net::forwarded;
use crate::plan::rest::RestStage;

/// Where the values of expressions come from: a call so far, and what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub call: &'a Call<'a>,
    pub asked: &'a Asked<'a>,
}

impl<'a> Scene<'a> {
    fn stage(&self) -> Option<&'a RestStage> {
        self.call.stage?.rest.as_deref()
    }

    /// The value of `context.{name}`; none if this call has none.
    pub fn context(&self, name: &str) -> Option<Cow<'a, str>> {
        let (call, asked) = (self.call, self.asked);
        let of_route = || call.route?.rest.as_deref();
        let text: &'a str = match name {
            "accountId" => &self.stage()?.account_id,
            "apiId" => &call.stage?.api_id,
            "deploymentId" => &self.stage()?.deployment_id,
            "extendedRequestId" => call.request_id.as_str(),
            "identity.accessKey" | "identity.caller" | "identity.user" => call.user.as_ref()?.id(),
            "identity.accountId" => call.user.as_ref()?.account(),
            "identity.userArn" => &call.user.as_ref()?.arn,
            "identity.apiKey" => &call.api_key?.value,
            "identity.apiKeyId" => &call.api_key?.id,
            "identity.clientCert.clientCertPem" => &asked.certificate?.pem,
            "identity.clientCert.issuerDN" => &asked.certificate?.issuer,
            "identity.clientCert.serialNumber" => &asked.certificate?.serial,
            "identity.clientCert.subjectDN" => &asked.certificate?.subject,
            "identity.clientCert.validity.notAfter" => &asked.certificate?.not_after,
            "identity.clientCert.validity.notBefore" => &asked.certificate?.not_before,
            "isCanaryRequest" if call.is_canary? => "true",
            "isCanaryRequest" => "false",
            "protocol" => asked.protocol(),
            "resourceId" => &of_route()?.resource_id,
            "resourcePath" => &of_route()?.resource_path,
            "stage" => &call.stage?.name,
            _ => return self.made(name),
        };
        Some(Cow::Borrowed(text))
    }

    /// What has to be put into words first.
    fn made(&self, name: &str) -> Option<Cow<'a, str>> {
        let (call, asked) = (self.call, self.asked);
        let text = |bytes: &'a [u8]| ascii::text(bytes);
        Some(match name {
            "domainName" => asked.host(),
            "domainPrefix" => asked.host().split('.').next()?.to_owned().into(),
            "httpMethod" => text(asked.head.method_token.of(asked.bytes)),
            "identity.sourceIp" => match asked.peer {
                Some(ip) => {
                    let mut shown = Vec::with_capacity(16);
                    forwarded::address(&mut shown, ip);
                    String::from_utf8(shown).unwrap_or_default().into()
                }
                None => "test-invoke-source-ip".into(),
            },
            "identity.userAgent" => text(asked.head.header(asked.bytes, b"user-agent")?),
            "path" => text(asked.head.path.of(asked.bytes)),
            "requestId" => text(call.shown_request_id()),
            "requestTime" => date::text(Style::Clf, call.epoch_ms).into(),
            "requestTimeEpoch" => call.epoch_ms.to_string().into(),
            _ => match name.strip_prefix("authorizer.") {
                Some(property) => call.authorized.as_ref()?.property(property)?.into(),
                None => self.error(name)?.into(),
            },
        })
    }

    fn error(&self, name: &str) -> Option<String> {
        let call = self.call;
        let reject = call.reject?;
        // Nothing is said of authorizers that gave no answer.
        if call.message(reject).is_empty() && name.starts_with("error.message") {
            return None;
        }
        Some(match name {
            "error.message" => call.message(reject).to_owned(),
            "error.messageString" => crate::base::json::line(&call.message(reject)),
            "error.responseType" => reject.rest().0.aws_name().to_owned(),
            "error.validationErrorString" => call.validation_error.as_deref()?.to_owned(),
            _ => return None,
        })
    }

    /// The value of a stage variable.
    pub fn variable(&self, name: &str) -> Option<&'a str> {
        let all = &self.stage()?.variables;
        let found = all.iter().find(|(other, _)| **other == *name);
        found.map(|(_, value)| &**value)
    }

    /// Every value that an expression about the request has. Answers have none here.
    pub fn values(&self, source: &Source) -> Vec<String> {
        let one = |value: Option<String>| value.into_iter().collect();
        match source {
            Source::Static(text) => vec![text.to_string()],
            Source::Context(name) => one(self.context(name).map(Cow::into_owned)),
            Source::StageVariable(name) => one(self.variable(name).map(str::to_owned)),
            Source::Request(part) => self.parts(part),
            Source::Response(_) => Vec::new(),
        }
    }

    fn parts(&self, part: &Part) -> Vec<String> {
        let asked = self.asked;
        let queries = |wanted: &str| {
            let all = asked.queries().into_iter();
            let found = all.filter(|(name, _)| name == wanted);
            found.map(|(_, value)| value).collect::<Vec<String>>()
        };
        let last = |mut all: Vec<String>| all.pop().into_iter().collect();
        match part {
            Part::Path(name) => {
                let value = asked.path_parameter(self.call, name);
                value.map(Cow::into_owned).into_iter().collect()
            }
            Part::Query(name) => last(queries(name)),
            Part::QueryAll(name) => queries(name),
            Part::Header(name) => {
                let value = asked.headers(name).next_back();
                value.map(Cow::into_owned).into_iter().collect()
            }
            Part::HeaderAll(name) => {
                let values = asked.headers(name);
                values.map(Cow::into_owned).collect()
            }
            Part::Body(None) => vec![text(asked.body)],
            Part::Body(Some(path)) => body::find(path, asked.body).into_iter().collect(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    ascii::text(bytes).into_owned()
}
