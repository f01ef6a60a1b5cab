//! Routes and route keys.

use std::fmt;
use std::ops::Range;

use crate::base::{Method, ascii};
use crate::model::Throttle;
use crate::model::v2::{Guard, Integration};

#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub key: RouteKey,
    pub integration: Integration,
    pub throttle: Option<Throttle>,
    /// Larger request bodies get 413; none: no limit.
    pub body_bytes_max: Option<u64>,
    /// None: everybody may call it.
    pub guard: Option<Guard>,
}

/// `$default`, `GET /pets/{id}` or `ANY /files/{proxy+}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RouteKey {
    Default,
    Path {
        /// None is `ANY`.
        method: Option<Method>,
        segments: Vec<Segment>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// As written, percent-encoding kept; an empty one in the last place is a trailing slash.
    Literal(String),
    Param(String),
    /// `{name+}`: one or more segments; only in the last place.
    Greedy(String),
}

/// What is wrong with a route key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RouteKeyError {
    pub message: String,
    /// The bytes of the key to blame.
    pub range: Range<usize>,
    pub hint: Option<String>,
}

const METHODS: [(&str, Option<Method>); 8] = [
    ("ANY", None),
    ("DELETE", Some(Method::Delete)),
    ("GET", Some(Method::Get)),
    ("HEAD", Some(Method::Head)),
    ("OPTIONS", Some(Method::Options)),
    ("PATCH", Some(Method::Patch)),
    ("POST", Some(Method::Post)),
    ("PUT", Some(Method::Put)),
];

impl RouteKey {
    /// Reads `$default` or `METHOD /path`; the first fault is told with its place in `text`.
    pub fn parse(text: &str) -> Result<Self, RouteKeyError> {
        if text == "$default" {
            return Ok(Self::Default);
        }
        let Some(space) = text.find(' ') else {
            return Err(fault(
                "a route key is `METHOD /path` or `$default`",
                0..text.len(),
                lone_word_hint(text),
            ));
        };
        let method = method(&text[..space])?;
        let path = &text[space + 1..];
        let start = space + 1;
        let Some(below) = path.strip_prefix('/') else {
            return Err(fault(
                "the path of a route begins with `/`",
                start..text.len(),
                Some(format!(
                    "write `{} /{}`",
                    &text[..space],
                    path.trim_start_matches([' ', '/'])
                )),
            ));
        };
        let mut segments: Vec<Segment> = Vec::new();
        if !below.is_empty() {
            let mut at = start + 1;
            for part in below.split('/') {
                let range = at..at + part.len();
                let is_last = range.end == text.len();
                let segment = segment(part, range.clone(), is_last)?;
                if let Some(name) = segment.param_name()
                    && segments
                        .iter()
                        .any(|other| other.param_name() == Some(name))
                {
                    let message = format!("the parameter `{name}` stands twice in this path");
                    let hint = "give each parameter its own name".to_owned();
                    return Err(fault(&message, range, Some(hint)));
                }
                segments.push(segment);
                at = range.end + 1;
            }
        }
        Ok(Self::Path { method, segments })
    }

    /// The names of the path parameters from left to right.
    pub fn param_names(&self) -> impl Iterator<Item = &str> {
        let segments = match self {
            Self::Default => &[],
            Self::Path { segments, .. } => segments.as_slice(),
        };
        segments.iter().filter_map(Segment::param_name)
    }
}

impl Segment {
    /// The name of a parameter; none for a literal.
    pub fn param_name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Param(name) | Self::Greedy(name) => Some(name),
        }
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Path { method, segments } = self else {
            return f.write_str("$default");
        };
        let known = METHODS.iter().find(|(_, other)| other == method);
        f.write_str(known.map_or("OTHER", |(name, _)| name))?;
        f.write_str(if segments.is_empty() { " /" } else { " " })?;
        for segment in segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Param(name) => write!(f, "/{{{name}}}")?,
                Segment::Greedy(name) => write!(f, "/{{{name}+}}")?,
            }
        }
        Ok(())
    }
}

fn fault(message: &str, range: Range<usize>, hint: Option<String>) -> RouteKeyError {
    RouteKeyError {
        message: message.to_owned(),
        range,
        hint,
    }
}

fn lone_word_hint(text: &str) -> Option<String> {
    if text.starts_with('/') {
        Some(format!("for all methods write `ANY {text}`"))
    } else if text.trim_start_matches('$').eq_ignore_ascii_case("default") {
        Some("write `$default`".to_owned())
    } else if METHODS.iter().any(|(name, _)| *name == text) {
        Some(format!("write `{text} /`"))
    } else {
        None
    }
}

fn method(token: &str) -> Result<Option<Method>, RouteKeyError> {
    if let Some((_, method)) = METHODS.iter().find(|(name, _)| *name == token) {
        return Ok(*method);
    }
    let upper = token.to_ascii_uppercase();
    let nearest = METHODS
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(&upper, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len());
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "methods are ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT; others can \
                 only be served by `$default`"
            .to_owned(),
    };
    let message = if token.is_empty() {
        "the method is missing".to_owned()
    } else {
        format!("unknown method `{token}`")
    };
    Err(fault(&message, 0..token.len(), Some(hint)))
}

fn segment(part: &str, range: Range<usize>, is_last: bool) -> Result<Segment, RouteKeyError> {
    let Some(inner) = part.strip_prefix('{') else {
        return literal(part, range, is_last);
    };
    let Some(inner) = inner.strip_suffix('}') else {
        let message = match inner.contains('}') {
            true => "a parameter takes a whole segment",
            false => "this `{` is never closed",
        };
        let hint = "write `{name}` between two slashes".to_owned();
        return Err(fault(message, range, Some(hint)));
    };
    let (name, greedy) = match inner.strip_suffix('+') {
        Some(name) => (name, true),
        None => (inner, false),
    };
    // AWS: names of path variables are letters, digits and `._-:`.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        let message = match name.contains(['{', '}']) {
            true => "a parameter takes a whole segment",
            false => "a parameter's name is letters, digits, `_`, `-`, `.` or `:`",
        };
        return Err(fault(message, range, None));
    }
    if greedy && !is_last {
        let message = format!("`{{{name}+}}` takes the rest of the path and can only stand last");
        let hint = format!("`{{{name}}}` takes one segment");
        return Err(fault(&message, range, Some(hint)));
    }
    Ok(match greedy {
        true => Segment::Greedy(name.to_owned()),
        false => Segment::Param(name.to_owned()),
    })
}

// RFC 3986 section 3.3: pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
const PLAIN: [bool; 256] = ascii::letters_digits_and(b"-._~!$&'()*+,;=:@");

fn literal(part: &str, range: Range<usize>, is_last: bool) -> Result<Segment, RouteKeyError> {
    if part.is_empty() && !is_last {
        return Err(fault(
            "an empty segment in the path",
            range.start..range.start + 1,
            Some("write one `/`".to_owned()),
        ));
    }
    if part.bytes().all(|byte| PLAIN[usize::from(byte)]) {
        return Ok(Segment::Literal(part.to_owned()));
    }
    if part.contains(['{', '}']) {
        let hint = "a parameter takes a whole segment: `/{name}`".to_owned();
        let message = "literal text and a parameter share a segment";
        return Err(fault(message, range, Some(hint)));
    }
    let strange = part.char_indices().find(|(_, c)| {
        let plain = u8::try_from(*c).is_ok_and(|byte| PLAIN[usize::from(byte)]);
        !plain && *c != '%'
    });
    if let Some((at, found)) = strange {
        let mut encoded = String::new();
        for byte in found.encode_utf8(&mut [0; 4]).bytes() {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        let start = range.start + at;
        return Err(fault(
            &format!("{found:?} cannot stand in a path"),
            start..start + found.len_utf8(),
            (!matches!(found, '?' | '#')).then(|| format!("write it percent-encoded: `{encoded}`")),
        ));
    }
    for (at, _) in part.match_indices('%') {
        let pair = part.as_bytes().get(at + 1..at + 3);
        if !pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)) {
            let start = range.start + at;
            return Err(fault(
                "`%` needs two hexadecimal digits behind it",
                start..start + 1,
                Some("a percent sign itself is `%25`".to_owned()),
            ));
        }
    }
    Ok(Segment::Literal(part.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_it_was_written() {
        for text in [
            "$default",
            "GET /",
            "ANY /pets",
            "POST /pets/",
            "GET /pets/{id}",
            "DELETE /pets/{id}/toys/{toy-id}",
            "ANY /{proxy+}",
            "OPTIONS /a%20b/{x.y:z_1}/{rest+}",
            "HEAD /@me;v=1/~x",
        ] {
            assert_eq!(RouteKey::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_come_from_left_to_right() {
        let key = RouteKey::parse("GET /{b}/x/{a}/{rest+}").unwrap();
        assert_eq!(key.param_names().collect::<Vec<_>>(), ["b", "a", "rest"]);
        assert_eq!(RouteKey::Default.param_names().count(), 0);
    }

    #[test]
    fn a_bad_key_is_refused_with_its_place_and_a_hint() {
        let check = |text: &str, blamed: &str, message: &str, hint: &str| {
            let error = RouteKey::parse(text).unwrap_err();
            assert_eq!(&text[error.range.clone()], blamed, "{text}: {error:?}");
            assert!(error.message.contains(message), "{text}: {error:?}");
            let told = error.hint.clone().unwrap_or_default();
            assert!(told.contains(hint), "{text}: {error:?}");
        };
        check("", "", "METHOD /path", "");
        check("/pets", "/pets", "METHOD /path", "ANY /pets");
        check("GET", "GET", "METHOD /path", "GET /");
        check("default", "default", "METHOD /path", "$default");
        check("get /x", "get", "unknown method", "`GET`");
        check("DELTE /x", "DELTE", "unknown method", "`DELETE`");
        check("PROPFIND /x", "PROPFIND", "unknown method", "`$default`");
        check(" /x", "", "missing", "");
        check("GET pets", "pets", "begins with", "GET /pets");
        check("GET  /pets", " /pets", "begins with", "GET /pets");
        check("GET //x", "/", "empty segment", "one `/`");
        check("GET /a//x", "/", "empty segment", "");
        check("GET /a{b}", "a{b}", "share a segment", "");
        check("GET /{a}b/c", "{a}b", "whole segment", "");
        check("GET /{a}{b}", "{a}{b}", "whole segment", "");
        check("GET /{a/b", "{a", "never closed", "");
        check("GET /a}/b", "a}", "share", "");
        check("GET /{}/b", "{}", "name is letters", "");
        check("GET /{a b}", "{a b}", "name is letters", "");
        check("GET /{p+}/b", "{p+}", "only stand last", "{p}");
        check("GET /{p+}/", "{p+}", "only stand last", "");
        check("GET /{x}/{x}", "{x}", "twice", "");
        check("GET /{x}/{x+}", "{x+}", "twice", "");
        check("GET /a?b=c", "?", "cannot stand", "");
        check("GET /a b", " ", "cannot stand", "%20");
        check("GET /é", "é", "cannot stand", "%C3%A9");
        check("GET /a%2", "%", "two hexadecimal", "%25");
        check("GET /a\u{0}", "\u{0}", "cannot stand", "%00");
    }
}
