//! Reads a format, compiles it to operations, renders lines.

use std::ops::Range;

use crate::lang::logline::Variable;
use crate::lang::logline::escape::Escape;

/// AWS's bound on the text of a format, in bytes.
pub const FORMAT_BYTES_MAX: usize = 3 * 1024;

const START: &str = "$context";

/// The console's JSON format for HTTP APIs; the preset `json`.
const JSON: &str = concat!(
    r#"{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","#,
    r#""requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","#,
    r#""routeKey":"$context.routeKey","status":"$context.status","#,
    r#""protocol":"$context.protocol","responseLength":"$context.responseLength","#,
    r#""extendedRequestId":"$context.extendedRequestId"}"#,
);

/// The console's Common Log Format for HTTP APIs; the preset `clf`.
const CLF: &str = concat!(
    r"$context.identity.sourceIp - - [$context.requestTime] ",
    r#""$context.httpMethod $context.routeKey $context.protocol" "#,
    r"$context.status $context.responseLength $context.requestId $context.extendedRequestId",
);

/// A format compiled to operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    operations: Box<[Operation]>,
}

#[derive(Clone, Debug, PartialEq)]
enum Operation {
    Text(Box<str>),
    Value(Variable, Escape),
}

/// What is wrong with a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    /// The bytes of the format to blame.
    pub range: Range<usize>,
    /// What to write instead, if that is clear.
    pub hint: Option<String>,
}

/// A piece of a format as it was written.
enum Piece<'a> {
    Text(&'a str),
    Value(Variable),
}

impl Format {
    /// Reads a format, or one of the presets `json` and `clf`.
    ///
    /// # Errors
    /// The first thing wrong with it: longer than 3 KB, more than one line, an unknown variable,
    /// or neither `$context.requestId` nor `$context.extendedRequestId` in it.
    pub fn parse(format: &str) -> Result<Self, Error> {
        let format = match format {
            "json" => JSON,
            "clf" => CLF,
            other => other,
        };
        check_size(format)?;
        let pieces = pieces(format)?;
        let identified = pieces.iter().any(|piece| {
            matches!(
                piece,
                Piece::Value(Variable::RequestId | Variable::ExtendedRequestId)
            )
        });
        if !identified {
            return Err(Error {
                message: "an access-log format needs the id of the request".to_owned(),
                range: 0..format.len(),
                hint: Some("add `$context.requestId`".to_owned()),
            });
        }
        Ok(compile(pieces))
    }

    /// Appends the line of one request to `line`, without a newline.
    ///
    /// `value` appends what it knows of a variable as plain bytes, nothing if it knows nothing;
    /// that prints `-`. Whatever it appends cannot end the line, a field in quotes or a JSON
    /// string. Allocates nothing but the growth of `line`.
    pub fn render(&self, line: &mut Vec<u8>, value: &mut impl FnMut(&Variable, &mut Vec<u8>)) {
        for operation in &self.operations {
            match operation {
                Operation::Text(text) => line.extend_from_slice(text.as_bytes()),
                Operation::Value(variable, escape) => {
                    let start = line.len();
                    value(variable, line);
                    escape.apply(line, start);
                }
            }
        }
    }

    /// The variables it prints, in order.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Text(_) => None,
                Operation::Value(variable, _) => Some(variable),
            })
    }
}

fn check_size(format: &str) -> Result<(), Error> {
    if format.len() > FORMAT_BYTES_MAX {
        return Err(Error {
            message: format!("an access-log format has at most {FORMAT_BYTES_MAX} bytes"),
            range: FORMAT_BYTES_MAX..format.len(),
            hint: None,
        });
    }
    if let Some(at) = format.find(|c: char| c.is_control() && c != '\t') {
        return Err(Error {
            message: "an access-log format is a single line without control characters".to_owned(),
            range: at..at + format[at..].chars().next().map_or(1, char::len_utf8),
            hint: None,
        });
    }
    Ok(())
}

fn pieces(format: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut pieces = Vec::new();
    let (mut text, mut at) = (0, 0);
    while let Some(found) = format[at..].find('$') {
        let start = at + found;
        let name = name(&format[start..]);
        if name.len() == 1 {
            // A dollar that begins no name: `$5`, `$ `.
            at = start + 1;
            if format[at..].starts_with('{') {
                return Err(Error {
                    message: "a variable is written without braces".to_owned(),
                    range: start..at + 1,
                    hint: Some("write `$context.requestId`".to_owned()),
                });
            }
            continue;
        }
        let variable = Variable::named(name).ok_or_else(|| unknown(name, start))?;
        if text < start {
            pieces.push(Piece::Text(&format[text..start]));
        }
        pieces.push(Piece::Value(variable));
        at = start + name.len();
        text = at;
    }
    if text < format.len() {
        pieces.push(Piece::Text(&format[text..]));
    }
    Ok(pieces)
}

/// The `$name.name.name` at the start of `rest`; a dot or hyphen belongs to it only between
/// letters, so that `$context.status.` and `$context.path-` end where people think they do.
fn name(rest: &str) -> &str {
    let bytes = rest.as_bytes();
    let is_word = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    if !bytes.get(1).is_some_and(u8::is_ascii_alphabetic) {
        return &rest[..1];
    }
    let (mut end, mut authorizer) = (1, false);
    loop {
        match bytes.get(end) {
            Some(b'.') if is_word(end + 1) => {
                // Keys of an authorizer are the user's own words and may hold hyphens; in AWS's
                // names there are none.
                authorizer |= rest[..end].ends_with("$context.authorizer");
            }
            Some(b'-') if authorizer && is_word(end + 1) => {}
            _ if is_word(end) => {}
            _ => return &rest[..end],
        }
        end += 1;
    }
}

fn unknown(name: &str, start: usize) -> Error {
    let range = start..start + name.len();
    let Some(path) = name.strip_prefix(START).filter(|p| p.starts_with('.')) else {
        return Error {
            message: format!("`{name}` is not a variable of an access log"),
            range,
            hint: Some("variables begin with `$context.`".to_owned()),
        };
    };
    Error {
        message: format!("there is no variable `{name}`"),
        range,
        hint: Variable::nearest(&path[1..])
            .map(|nearest| format!("did you mean `{START}.{nearest}`?")),
    }
}

/// Chooses the escape of each value: as JSON if the line is JSON whatever the values are.
fn compile(pieces: Vec<Piece<'_>>) -> Format {
    let json = is_json(&pieces);
    let mut inside = false;
    let operations = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => {
                inside = ends_in_string(text, inside);
                Operation::Text(text.into())
            }
            Piece::Value(variable) => {
                let quoted = variable == Variable::ErrorMessageString;
                let escape = match (json, inside) {
                    (false, _) if quoted => Escape::QuotedText,
                    (false, _) => Escape::Text,
                    (true, true) if quoted => Escape::QuotedInJsonString,
                    (true, true) => Escape::JsonString,
                    (true, false) if quoted => Escape::QuotedJson,
                    (true, false) => Escape::JsonValue,
                };
                Operation::Value(variable, escape)
            }
        })
        .collect();
    Format { operations }
}

/// Whether the line is one JSON value whatever the variables are: strings or, where they stand
/// outside of one, numbers. (The name of a member can be no number.)
fn is_json(pieces: &[Piece<'_>]) -> bool {
    // A lone variable or string would be a JSON value too, but nobody means that.
    let is_json = |sample: String| {
        sample.trim_start().starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(&sample).is_ok()
    };
    is_json(sample(pieces, "\"-\"")) && is_json(sample(pieces, "0"))
}

/// A line with `value` for each variable outside of a string literal.
fn sample(pieces: &[Piece<'_>], value: &str) -> String {
    let (mut sample, mut inside) = (String::new(), false);
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                inside = ends_in_string(text, inside);
                sample.push_str(text);
            }
            Piece::Value(_) if inside => sample.push('-'),
            Piece::Value(_) => sample.push_str(value),
        }
    }
    sample
}

/// Whether a JSON text that begins inside of a string literal, or not, ends inside of one.
fn ends_in_string(text: &str, mut inside: bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => {
                // A backslash at the very end is followed by a value; no JSON allows that.
                bytes.next();
            }
            _ => {}
        }
    }
    inside
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn line(format: &str, agent: &[u8]) -> String {
        let mut line = Vec::new();
        Format::parse(format)
            .unwrap()
            .render(&mut line, &mut |variable, out| match variable {
                Variable::RequestId => out.extend_from_slice(b"JKJaXmPLvHcESHA="),
                Variable::Status => out.extend_from_slice(b"200"),
                Variable::UserAgent | Variable::ErrorMessage | Variable::ErrorMessageString => {
                    out.extend_from_slice(agent);
                }
                Variable::AuthorizerClaim(name) => out.extend_from_slice(name.as_bytes()),
                _ => {}
            });
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn formats_render_what_they_name() {
        let check = |format: &str, expected: &str| {
            assert_eq!(line(&format!("$context.requestId{format}"), b"curl"), {
                format!("JKJaXmPLvHcESHA={expected}")
            });
        };
        check("", "");
        check(" $context.status.", " 200.");
        check(" $context.status-$context.status", " 200-200");
        check(" costs $5 or 5$", " costs $5 or 5$");
        check(" $$context.status", " $200");
        check(" \"$context.identity.userAgent\"", " \"curl\"");
        check(" $context.path", " -");
        check(" $context.error.messageString", " \"curl\"");
        check(" $context.authorizer.claims.user-id", " user-id");
        check(" é", " é");
    }

    #[test]
    fn a_bad_format_is_refused_with_its_place() {
        let check = |format: &str, blamed: &str, hint: Option<&str>| {
            let error = Format::parse(format).unwrap_err();
            assert_eq!(&format[error.range.clone()], blamed, "{error}");
            assert_eq!(error.hint.as_deref(), hint, "{error}");
        };
        check(
            "$context.status",
            "$context.status",
            Some("add `$context.requestId`"),
        );
        check("", "", Some("add `$context.requestId`"));
        check(
            "é $context.requestID",
            "$context.requestID",
            Some("did you mean `$context.requestId`?"),
        );
        check(
            "$context.requestId.sub",
            "$context.requestId.sub",
            Some("did you mean `$context.requestId`?"),
        );
        check("$context.requestId $context.zzz", "$context.zzz", None);
        check(
            "$context.requestId $request_time",
            "$request_time",
            Some("variables begin with `$context.`"),
        );
        check(
            "$context",
            "$context",
            Some("variables begin with `$context.`"),
        );
        check(
            "${context.requestId}",
            "${",
            Some("write `$context.requestId`"),
        );
        check("$context.requestId\nforged", "\n", None);
        let long = format!("$context.requestId {}", "é".repeat(FORMAT_BYTES_MAX));
        assert!(Format::parse(&long).is_err());
    }

    #[test]
    fn presets_are_formats() {
        let json = line("json", b"");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["requestId"], "JKJaXmPLvHcESHA=");
        assert_eq!(read["status"], "200");
        assert_eq!(read["ip"], "-");
        assert_eq!(
            line("clf", b""),
            "- - - [-] \"- - -\" 200 - JKJaXmPLvHcESHA= -"
        );
    }

    #[test]
    fn no_client_breaks_a_json_line() {
        let formats = [
            r#"{"id":"$context.requestId","agent":"$context.identity.userAgent"}"#,
            r#"{"id":"$context.requestId","agent":$context.identity.userAgent}"#,
            r#" [ "$context.requestId" , $context.identity.userAgent ]"#,
            r#"{"id":"$context.requestId","error":$context.error.messageString}"#,
            r#"{"id":"$context.requestId","error":"$context.error.messageString"}"#,
            r#"{"$context.requestId":"\"\\$context.identity.userAgent","n":$context.status}"#,
        ];
        let agents: [&[u8]; 8] = [
            b"",
            b"curl",
            b"12",
            br#""}"#,
            b"\\",
            b"a\n{\"id\":\"forged\"}",
            b"\xff\xfe\x00\x1b",
            "\u{2028}é".as_bytes(),
        ];
        for format in formats {
            for agent in agents {
                let line = line(format, agent);
                assert!(!line.contains(['\n', '\r']), "{line}");
                let _: serde_json::Value = serde_json::from_str(&line).expect(&line);
            }
        }
    }

    #[test]
    fn a_format_that_only_looks_like_json_is_text() {
        // The value would complete the escape, so nothing but text is safe here.
        let format = r#"{"id":"\u00$context.requestId"}"#;
        assert_eq!(line(format, b""), r#"{"id":"\u00JKJaXmPLvHcESHA="}"#);
        let format = "{$context.requestId} $context.identity.userAgent";
        assert_eq!(line(format, b"\""), r"{JKJaXmPLvHcESHA=} \x22");
    }

    #[test]
    fn a_member_that_a_number_would_name_is_text() {
        // Found while fuzzing: as JSON, `200` came without quotes, which a member's name needs.
        let format = "{$context.requestId:1,$context.identity.userAgent:2}";
        assert_eq!(line(format, b"200"), "{JKJaXmPLvHcESHA=:1,200:2}");
        assert_eq!(line(format, b"\"a"), r"{JKJaXmPLvHcESHA=:1,\x22a:2}");
    }

    #[test]
    fn no_client_breaks_a_text_line() {
        for byte in 0..=u8::MAX {
            let line = line(
                "$context.requestId \"$context.identity.userAgent\"",
                &[byte],
            );
            assert_eq!(line.matches('"').count(), 2, "{line}");
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_format_panics(format in r#"(\$context|\.|requestId|[{}":,\\$é\- a-z0-9])*"#, agent: Vec<u8>) {
            let with_id = format!("{format} $context.requestId");
            for format in [&format, &with_id] {
                if let Ok(format) = Format::parse(format) {
                    format.render(&mut Vec::new(), &mut |_, out| out.extend_from_slice(&agent));
                }
            }
        }
    }
}
