//! The request that puts an action to its service, before it is signed.

use crate::aws::subtype::fit::{Fitted, fit};
use crate::aws::subtype::{Parameter, Protocol, Subtype};
use crate::base::{ascii, json};

/// All that there is to say, but for `Host` and what a signature adds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub is_get: bool,
    /// Encoded.
    pub path: String,
    /// Encoded, without `?`; empty where there is none.
    pub query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// The parameter whose value cannot be one.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static Parameter);

type Values = [(&'static Parameter, Fitted)];

impl Subtype {
    /// The request with the values of some of its parameters.
    ///
    /// # Errors
    /// A value that is not of its parameter's kind.
    pub fn request(&self, values: &[(&'static Parameter, Vec<u8>)]) -> Result<Request, Unfit> {
        let fitted = values.iter().map(|(parameter, text)| {
            let fitted = fit(parameter.kind, text).ok_or(Unfit(parameter))?;
            Ok((*parameter, fitted))
        });
        let values: Vec<_> = fitted.collect::<Result<_, Unfit>>()?;
        match &self.protocol {
            Protocol::Json {
                target,
                version,
                list,
            } => Ok(Request {
                path: "/".to_owned(),
                headers: vec![
                    ("Content-Type", format!("application/x-amz-json-{version}")),
                    ("X-Amz-Target", (*target).to_owned()),
                ],
                body: document(&values, *list),
                ..Request::default()
            }),
            Protocol::Query { action, version } => Ok(Request {
                path: queue_path(&values)?,
                headers: vec![(
                    "Content-Type",
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                )],
                body: form(action, version, &values).into_bytes(),
                ..Request::default()
            }),
            Protocol::Path(path) => located(path, &values),
        }
    }
}

fn document(values: &Values, list: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(list) = list {
        out.push(b'{');
        json::quote(&mut out, list);
        out.extend_from_slice(b":[");
    }
    out.push(b'{');
    for (index, (parameter, value)) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::quote(&mut out, parameter.member);
        out.push(b':');
        match value {
            Fitted::Text(text) => json::quote(&mut out, text),
            Fitted::Number(number) => out.extend_from_slice(number.as_bytes()),
            Fitted::Texts(texts) => out.extend_from_slice(json::line(texts).as_bytes()),
            Fitted::Attributes(all) => {
                let members = |members: &[(String, String)]| {
                    let pairs = members.iter();
                    let pairs = pairs.map(|(name, text)| (name.clone(), text.clone().into()));
                    json::Value::Object(pairs.collect())
                };
                let all = all.iter().map(|(name, own)| (name.clone(), members(own)));
                let all = json::Value::Object(all.collect());
                out.extend_from_slice(json::line(&all).as_bytes());
            }
        }
    }
    out.push(b'}');
    if list.is_some() {
        out.extend_from_slice(b"]}");
    }
    out
}

fn form(action: &str, version: &str, values: &Values) -> String {
    let mut out = format!("Action={action}&Version={version}");
    let mut add = |name: &str, value: &str| {
        out.push('&');
        out.push_str(&encoded(name));
        out.push('=');
        out.push_str(&encoded(value));
    };
    for (parameter, value) in values {
        let member = parameter.member;
        match value {
            Fitted::Text(text) | Fitted::Number(text) => add(member, text),
            Fitted::Texts(texts) => {
                for (index, text) in (1..).zip(texts) {
                    add(&format!("{member}.{index}"), text);
                }
            }
            Fitted::Attributes(all) => {
                for (index, (name, members)) in (1..).zip(all) {
                    add(&format!("{member}.{index}.Name"), name);
                    for (own, text) in members {
                        add(&format!("{member}.{index}.Value.{own}"), text);
                    }
                }
            }
        }
    }
    out
}

/// The path of the queue's URL. Its host is left alone: a client may have chosen the queue, but
/// must not choose to whom the gateway's signature goes.
fn queue_path(values: &Values) -> Result<String, Unfit> {
    let mut found = values.iter();
    let found = found.find_map(|(parameter, value)| match value {
        Fitted::Text(text) if parameter.member == "QueueUrl" => Some((*parameter, text)),
        _ => None,
    });
    let Some((parameter, url)) = found else {
        return Ok("/".to_owned());
    };
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    };
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let segments = path.split('/');
    let is_clean = path.bytes().all(is_path) && !segments.clone().any(|part| part == "..");
    match (is_clean, path.starts_with('/')) {
        (false, _) => Err(Unfit(parameter)),
        (true, true) => Ok(path.to_owned()),
        (true, false) => Ok(format!("/{path}")),
    }
}

fn located(pattern: &str, values: &Values) -> Result<Request, Unfit> {
    let (mut path, mut query) = (pattern.to_owned(), String::new());
    for (parameter, value) in values {
        let (Fitted::Text(text) | Fitted::Number(text)) = value else {
            continue;
        };
        let place = format!("{{{}}}", parameter.member);
        if pattern.contains(&place) {
            // Such a segment would lead elsewhere.
            if matches!(text.as_str(), "." | "..") {
                return Err(Unfit(parameter));
            }
            path = path.replace(&place, &encoded(text));
            continue;
        }
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{}={}", parameter.member, encoded(text)));
    }
    Ok(Request {
        is_get: true,
        path,
        query,
        ..Request::default()
    })
}

fn encoded(text: &str) -> String {
    ascii::percent_encoded(text, b"")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(subtype: &str, values: &[(&str, &str)]) -> Result<Request, &'static str> {
        let subtype = Subtype::named(subtype).unwrap();
        let values = values.iter();
        let values = values.map(|(name, text)| {
            let parameter = subtype.parameter(name).unwrap();
            (parameter, text.as_bytes().to_vec())
        });
        let values: Vec<_> = values.collect();
        let made = subtype.request(&values);
        made.map_err(|unfit| unfit.0.name)
    }

    fn body(request: &Request) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    #[test]
    fn json_actions_are_named_by_a_header() {
        let made = request(
            "EventBridge-PutEvents",
            &[
                ("Detail", "{\"a\":1}"),
                ("DetailType", "made \"up\""),
                ("Time", "2015-08-30T12:36:00Z"),
                ("Resources", "a,b"),
            ],
        );
        let made = made.unwrap();
        assert_eq!((made.is_get, &*made.path, &*made.query), (false, "/", ""));
        let headers = [
            ("Content-Type", "application/x-amz-json-1.1".to_owned()),
            ("X-Amz-Target", "AWSEvents.PutEvents".to_owned()),
        ];
        assert_eq!(made.headers, headers);
        let entry = concat!(
            r#"{"Entries":[{"Detail":"{\"a\":1}","DetailType":"made \"up\"","#,
            r#""Time":1440938160,"Resources":["a","b"]}]}"#
        );
        assert_eq!(body(&made), entry);
        let values = [("StreamName", "s"), ("Data", "hello")];
        let made = request("Kinesis-PutRecord", &values).unwrap();
        assert_eq!(body(&made), r#"{"StreamName":"s","Data":"aGVsbG8="}"#);
        let made = request("StepFunctions-StopExecution", &[("Cause", "c")]).unwrap();
        assert_eq!(body(&made), r#"{"cause":"c"}"#);
    }

    #[test]
    fn queues_get_forms() {
        let attributes = r#"{"A b":{"DataType":"String","StringValue":"x&y"}}"#;
        let made = request(
            "SQS-SendMessage",
            &[
                ("QueueUrl", "https://sqs.example:1/123/orders.fifo"),
                ("MessageBody", "a b\n"),
                ("DelaySeconds", "5"),
                ("MessageAttributes", attributes),
            ],
        );
        let made = made.unwrap();
        assert_eq!(made.path, "/123/orders.fifo");
        let expected = concat!(
            "Action=SendMessage&Version=2012-11-05",
            "&QueueUrl=https%3A%2F%2Fsqs.example%3A1%2F123%2Forders.fifo",
            "&MessageBody=a%20b%0A&DelaySeconds=5",
            "&MessageAttribute.1.Name=A%20b",
            "&MessageAttribute.1.Value.DataType=String",
            "&MessageAttribute.1.Value.StringValue=x%26y",
        );
        assert_eq!(body(&made), expected);
        let values = [
            ("QueueUrl", "/1/q"),
            ("AttributeNames", "All,SentTimestamp"),
        ];
        let made = request("SQS-ReceiveMessage", &values).unwrap();
        let expected = concat!(
            "Action=ReceiveMessage&Version=2012-11-05&QueueUrl=%2F1%2Fq",
            "&AttributeName.1=All&AttributeName.2=SentTimestamp",
        );
        assert_eq!(body(&made), expected);
    }

    #[test]
    fn a_queue_is_a_path_and_nothing_else() {
        let path = |url: &str| request("SQS-PurgeQueue", &[("QueueUrl", url)]).map(|it| it.path);
        assert_eq!(path("https://elsewhere.example"), Ok("/".to_owned()));
        assert_eq!(path("orders"), Ok("/orders".to_owned()));
        for url in [
            "http://h/1/q?x=1",
            "http://h/1/q x",
            "http://h/../q",
            "/q\r\nEvil: 1",
        ] {
            assert_eq!(path(url), Err("QueueUrl"), "{url}");
        }
    }

    #[test]
    fn parameters_of_a_path_stay_segments() {
        let get = |application: &str| {
            let values = [
                ("Application", application),
                ("Environment", "e/f"),
                ("Configuration", "c"),
                ("ClientId", "me & you"),
                ("ClientConfigurationVersion", "3"),
            ];
            request("AppConfig-GetConfiguration", &values)
        };
        let made = get("a{Environment}").unwrap();
        assert!(made.is_get && made.body.is_empty() && made.headers.is_empty());
        let path = "/applications/a%7BEnvironment%7D/environments/e%2Ff/configurations/c";
        assert_eq!(made.path, path);
        let query = "client_id=me%20%26%20you&client_configuration_version=3";
        assert_eq!(made.query, query);
        assert_eq!(get(".."), Err("Application"));
    }

    #[test]
    fn a_value_of_another_kind_is_blamed_on_its_parameter() {
        let values = [("QueueUrl", "/1/q"), ("DelaySeconds", "soon")];
        assert_eq!(request("SQS-SendMessage", &values), Err("DelaySeconds"));
    }
}
