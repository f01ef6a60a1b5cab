//! What a mapping changes: `append:header.x`, `remove:querystring.a`, `overwrite:path`.

use crate::base::ascii;
use crate::lang::mapping::Side;

/// Removals come first, then what overwrites, then what is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Remove,
    Overwrite,
    Append,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// As written: AWS keeps the case.
    Header(Box<str>),
    /// Only of requests.
    Query(Box<str>),
    /// Only of requests.
    Path,
    /// Only of answers.
    Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub action: Action,
    pub place: Place,
}

const ACTIONS: [(&str, Action); 3] = [
    ("append:", Action::Append),
    ("overwrite:", Action::Overwrite),
    ("remove:", Action::Remove),
];

/// AWS: "The following headers are reserved." Behind them what would break the framing.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "expect",
    "http2-settings",
    "proxy-connection",
    "trailer",
];

const RESERVED_PREFIXES: [&str; 4] = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];

impl Target {
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, side: Side) -> Result<Self, String> {
        let known = ACTIONS.iter().find_map(|(prefix, action)| {
            let place = text.strip_prefix(prefix)?;
            Some((*action, place))
        });
        let unknown = || format!("Invalid mapping expression parameter specified: {text}");
        let (action, place) = known.ok_or_else(unknown)?;
        let place = match (place.split_once('.'), side) {
            (Some(("header", name)), _) => Place::Header(header(name).ok_or_else(unknown)??),
            (Some(("querystring", name)), Side::Request) if !name.is_empty() => {
                Place::Query(name.into())
            }
            (None, Side::Request) if place == "path" => Place::Path,
            (None, Side::Response) if place == "statuscode" => Place::Status,
            _ => return Err(unknown()),
        };
        match (action, &place) {
            (Action::Overwrite, _) | (_, Place::Header(_) | Place::Query(_)) => {
                Ok(Self { action, place })
            }
            (_, Place::Path | Place::Status) => Err(unknown()),
        }
    }
}

/// None if it is no name, an error if it is one that is reserved.
fn header(name: &str) -> Option<Result<Box<str>, String>> {
    if !ascii::is_token(name.as_bytes()) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let is_reserved = RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| lower.starts_with(prefix));
    Some(match is_reserved {
        true => Err(format!("Operations on header {name} are restricted")),
        false => Ok(name.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, side: Side, expected: Result<(Action, Place), &str>) {
        let found = Target::parse(text, side).map(|target| (target.action, target.place));
        let expected = expected.map_err(str::to_owned);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_changed_is_told_apart() {
        use Side::{Request, Response};
        let header = |name: &str| Place::Header(name.into());
        check(
            "append:header.X-a",
            Request,
            Ok((Action::Append, header("X-a"))),
        );
        check(
            "remove:header.a.b",
            Response,
            Ok((Action::Remove, header("a.b"))),
        );
        let query = Place::Query("a b".into());
        check(
            "overwrite:querystring.a b",
            Request,
            Ok((Action::Overwrite, query)),
        );
        check(
            "overwrite:path",
            Request,
            Ok((Action::Overwrite, Place::Path)),
        );
        check(
            "overwrite:statuscode",
            Response,
            Ok((Action::Overwrite, Place::Status)),
        );
        check(
            "overwrite:header.host",
            Request,
            Ok((Action::Overwrite, header("host"))),
        );
    }

    #[test]
    fn what_cannot_be_changed_is_refused_with_its_name() {
        for (text, side) in [
            ("", Side::Request),
            ("header.a", Side::Request),
            ("change:header.a", Side::Request),
            ("append:header", Side::Request),
            ("append:header.", Side::Request),
            ("append:header.a b", Side::Request),
            ("append:querystring.", Side::Request),
            ("append:querystring.a", Side::Response),
            ("append:path", Side::Request),
            ("remove:path", Side::Request),
            ("overwrite:path", Side::Response),
            ("overwrite:path.a", Side::Request),
            ("overwrite:statuscode", Side::Request),
            ("remove:statuscode", Side::Response),
            ("append:overwrite.static", Side::Response),
        ] {
            let message = format!("Invalid mapping expression parameter specified: {text}");
            check(text, side, Err(&message));
        }
    }

    #[test]
    fn reserved_headers_are_refused_in_any_case() {
        for name in [
            "Authorization",
            "access-control-allow-origin",
            "apigw-requestid",
            "X-AMZ-date",
            "x-amzn-trace-id",
            "Content-Length",
            "Via",
            "Expect",
        ] {
            let message = format!("Operations on header {name} are restricted");
            check(
                &format!("append:header.{name}"),
                Side::Request,
                Err(&message),
            );
            check(
                &format!("remove:header.{name}"),
                Side::Response,
                Err(&message),
            );
        }
    }
}
