//! Texts read as what a parameter has to be.

use jiff::Timestamp;

use crate::aws::subtype::Kind;
use crate::base::crypto::base64;
use crate::base::json::{self, Value};

/// What became of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fitted {
    Text(String),
    /// Written without quotes in JSON.
    Number(String),
    Texts(Vec<String>),
    Attributes(Vec<Attribute>),
}

/// Its name and its members.
pub(super) type Attribute = (String, Vec<(String, String)>);

/// None where it cannot be one.
pub(super) fn fit(kind: Kind, text: &[u8]) -> Option<Fitted> {
    let lossy = || String::from_utf8_lossy(text).into_owned();
    match kind {
        Kind::Text => Some(Fitted::Text(lossy())),
        Kind::Bytes => Some(Fitted::Text(base64(text))),
        Kind::Integer => {
            let number: i64 = lossy().trim().parse().ok()?;
            Some(Fitted::Number(number.to_string()))
        }
        Kind::Time => moment(lossy().trim()).map(Fitted::Number),
        Kind::Texts => texts(text).map(Fitted::Texts),
        Kind::Attributes => attributes(text).map(Fitted::Attributes),
    }
}

/// Seconds since 1970, with those parts of one that the text has.
fn moment(text: &str) -> Option<String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, parts) = text.split_once('.').unwrap_or((text, "0"));
    if is_number(whole) && is_number(parts) && whole.len() <= 15 {
        return Some(text.to_owned());
    }
    let moment: Timestamp = text.parse().ok()?;
    let (seconds, millis) = (
        moment.as_second(),
        moment.as_millisecond().rem_euclid(1_000),
    );
    Some(match millis {
        _ if seconds < 0 => return None,
        0 => seconds.to_string(),
        millis => format!("{seconds}.{millis:03}"),
    })
}

fn texts(text: &[u8]) -> Option<Vec<String>> {
    if !text.trim_ascii().starts_with(b"[") {
        let text = String::from_utf8_lossy(text);
        let parts = text.split(',').map(str::trim);
        let parts: Vec<String> = parts
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        return (!parts.is_empty()).then_some(parts);
    }
    json::read(text).ok()
}

fn attributes(text: &[u8]) -> Option<Vec<Attribute>> {
    const MEMBERS: [&str; 3] = ["DataType", "StringValue", "BinaryValue"];
    let all: json::Map = json::read(text).ok()?;
    let read = |(name, value): (String, Value)| {
        let Value::Object(members) = value else {
            return None;
        };
        let members = members.into_iter().map(|(member, value)| match value {
            Value::String(text) if MEMBERS.contains(&member.as_str()) => Some((member, text)),
            // Numbers are attributes too, and are sent as texts.
            Value::Number(number) if member == "StringValue" => Some((member, number.to_string())),
            _ => None,
        });
        Some((name, members.collect::<Option<Vec<_>>>()?))
    };
    all.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, text: &str, expected: Option<Fitted>) {
        assert_eq!(fit(kind, text.as_bytes()), expected, "{text}");
    }

    fn number(text: &str) -> Option<Fitted> {
        Some(Fitted::Number(text.to_owned()))
    }

    #[test]
    fn numbers_are_whole() {
        check(Kind::Integer, " 5 ", number("5"));
        check(Kind::Integer, "-1", number("-1"));
        for text in ["", "five", "1.5", "1e3", "99999999999999999999"] {
            check(Kind::Integer, text, None);
        }
    }

    #[test]
    fn moments_are_seconds_since_1970_or_dates() {
        check(Kind::Time, "1440938160", number("1440938160"));
        check(Kind::Time, "1440938160.5", number("1440938160.5"));
        check(Kind::Time, "2015-08-30T12:36:00Z", number("1440938160"));
        check(
            Kind::Time,
            "2015-08-30T14:36:00+02:00",
            number("1440938160"),
        );
        check(
            Kind::Time,
            "2015-08-30T12:36:00.25Z",
            number("1440938160.250"),
        );
        for text in [
            "",
            "now",
            "1969-01-01T00:00:00Z",
            "1.",
            "1.2.3",
            "2015-08-30",
        ] {
            check(Kind::Time, text, None);
        }
    }

    #[test]
    fn lists_are_json_or_have_commas() {
        let list = |all: &[&str]| {
            let all = all.iter().map(|text| (*text).to_owned());
            Some(Fitted::Texts(all.collect()))
        };
        check(Kind::Texts, "All", list(&["All"]));
        check(Kind::Texts, "a, b,", list(&["a", "b"]));
        check(Kind::Texts, r#" ["a,b","c"]"#, list(&["a,b", "c"]));
        for text in ["", " , ", "[1]", "[\"a\"", "[{}]"] {
            check(Kind::Texts, text, None);
        }
    }

    #[test]
    fn attributes_are_objects_of_known_members() {
        let text = r#"{"A":{"DataType":"Number","StringValue":7}}"#;
        let members = [("DataType", "Number"), ("StringValue", "7")];
        let members = members.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = vec![("A".to_owned(), members.to_vec())];
        check(Kind::Attributes, text, Some(Fitted::Attributes(expected)));
        check(Kind::Attributes, "{}", Some(Fitted::Attributes(Vec::new())));
        for text in [
            "",
            "x",
            "[]",
            r#"{"A":"x"}"#,
            r#"{"A":{"Other":"x"}}"#,
            r#"{"A":{"StringValue":{}}}"#,
        ] {
            check(Kind::Attributes, text, None);
        }
    }

    #[test]
    fn bytes_are_put_in_base64() {
        check(
            Kind::Bytes,
            "hello",
            Some(Fitted::Text("aGVsbG8=".to_owned())),
        );
    }
}
