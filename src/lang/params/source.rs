//! One expression: where a value comes from.
//! (AWS: "Mapping request and response data for REST APIs", reference of mapping expressions.)

use std::fmt;

use crate::lang::jsonpath::{Path, PathError};

/// A JSONPath into a body, with its text.
#[derive(Clone, Debug)]
pub struct BodyPath {
    text: Box<str>,
    path: Path,
}

impl BodyPath {
    /// Reads a path; one that does not begin with `$` is a name below it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let text = match text.starts_with('$') {
            true => text.into(),
            false => format!("$.{text}").into_boxed_str(),
        };
        Ok(Self {
            path: Path::parse(&text)?,
            text,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl PartialEq for BodyPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for BodyPath {}

/// Where a value of a mapping comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `'text'`
    Static(Box<str>),
    /// `context.…`: what follows the prefix.
    Context(Box<str>),
    /// `stageVariables.…`
    StageVariable(Box<str>),
    /// `method.request.…`
    Request(Part),
    /// `integration.response.…`
    Response(Part),
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Only of requests.
    Path(Box<str>),
    /// Only of requests: the last value of this name.
    Query(Box<str>),
    /// Only of requests: every value of this name.
    QueryAll(Box<str>),
    Header(Box<str>),
    HeaderAll(Box<str>),
    /// The whole body, or what a JSONPath finds in it: `$.a.b`.
    Body(Option<Box<BodyPath>>),
}

impl Source {
    /// Reads one expression; none if it is no expression.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('\'') {
            return Some(Self::Static(inner.strip_suffix('\'')?.into()));
        }
        let name = |name: &str| (!name.is_empty()).then(|| name.into());
        if let Some(rest) = text.strip_prefix("context.") {
            return name(rest).map(Self::Context);
        }
        if let Some(rest) = text.strip_prefix("stageVariables.") {
            return name(rest).map(Self::StageVariable);
        }
        if let Some(rest) = text.strip_prefix("method.request.") {
            return Part::parse(rest).map(Self::Request);
        }
        let part = Part::parse(text.strip_prefix("integration.response.")?)?;
        match part {
            Part::Path(_) | Part::Query(_) | Part::QueryAll(_) => None,
            part => Some(Self::Response(part)),
        }
    }

    /// It cannot be told without the body of the request.
    pub fn needs_request_body(&self) -> bool {
        matches!(self, Self::Request(Part::Body(_)))
    }
}

/// As it was written.
impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(text) => write!(out, "'{text}'"),
            Self::Context(name) => write!(out, "context.{name}"),
            Self::StageVariable(name) => write!(out, "stageVariables.{name}"),
            Self::Request(part) => write!(out, "method.request.{part}"),
            Self::Response(part) => write!(out, "integration.response.{part}"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(out, "path.{name}"),
            Self::Query(name) => write!(out, "querystring.{name}"),
            Self::QueryAll(name) => write!(out, "multivaluequerystring.{name}"),
            Self::Header(name) => write!(out, "header.{name}"),
            Self::HeaderAll(name) => write!(out, "multivalueheader.{name}"),
            Self::Body(None) => out.write_str("body"),
            Self::Body(Some(path)) => write!(out, "body.{}", path.text.trim_start_matches("$.")),
        }
    }
}

impl Part {
    /// Reads what follows `method.request.` or `integration.response.`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = match text.split_once('.') {
            Some((kind, name)) if !name.is_empty() => (kind, Some(name)),
            Some(_) => return None,
            None => (text, None),
        };
        if kind == "body" {
            let path = name.map(BodyPath::parse).transpose().ok()?;
            return Some(Self::Body(path.map(Box::new)));
        }
        let name = name?.into();
        Some(match kind {
            "path" => Self::Path(name),
            "querystring" => Self::Query(name),
            "multivaluequerystring" => Self::QueryAll(name),
            "header" => Self::Header(name),
            "multivalueheader" => Self::HeaderAll(name),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_apart() {
        let check = |text: &str, expected: Option<Source>| {
            if let Some(expected) = &expected {
                let shown = text.replace("$.", "");
                assert_eq!(expected.to_string(), shown);
            }
            assert_eq!(Source::parse(text), expected, "{text}");
        };
        check("'a'", Some(Source::Static("a".into())));
        check("'it''s'", Some(Source::Static("it''s".into())));
        check("''", Some(Source::Static("".into())));
        check("'", None);
        check("'a", None);
        check("a", None);
        check("context.a.b", Some(Source::Context("a.b".into())));
        check("context.", None);
        check("stageVariables.x", Some(Source::StageVariable("x".into())));
        let request = |part| Some(Source::Request(part));
        let body = |path| Part::Body(BodyPath::parse(path).ok().map(Box::new));
        check("method.request.path.id", request(Part::Path("id".into())));
        check(
            "method.request.querystring.a.b",
            request(Part::Query("a.b".into())),
        );
        check(
            "method.request.multivaluequerystring.a",
            request(Part::QueryAll("a".into())),
        );
        check(
            "method.request.header.X-A",
            request(Part::Header("X-A".into())),
        );
        check(
            "method.request.multivalueheader.a",
            request(Part::HeaderAll("a".into())),
        );
        check("method.request.body", request(Part::Body(None)));
        check("method.request.body.a[0]", request(body("a[0]")));
        check("method.request.body.$.a", request(body("a")));
        check("method.request.header", None);
        check("method.request.header.", None);
        check("method.request.cookie.a", None);
        let answer = Some(Source::Response(Part::Header("a".into())));
        check("integration.response.header.a", answer);
        check("integration.response.path.a", None);
        check("integration.response.querystring.a", None);
    }
}
