//! One expression: where a value comes from.
//! (AWS: "Mapping request and response data for REST APIs", reference of mapping expressions.)

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
    Body(Option<Box<str>>),
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

    /// The JSONPath that it asks a body with, and whether that is the body of the response.
    pub fn body_path(&self) -> Option<(&str, bool)> {
        match self {
            Self::Request(Part::Body(Some(path))) => Some((path, false)),
            Self::Response(Part::Body(Some(path))) => Some((path, true)),
            _ => None,
        }
    }

    /// It cannot be told without the body of the request.
    pub fn needs_request_body(&self) -> bool {
        matches!(self, Self::Request(Part::Body(_)))
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
            let path = name.map(|path| match path.starts_with('$') {
                true => path.into(),
                false => format!("$.{path}").into(),
            });
            return Some(Self::Body(path));
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
        check(
            "method.request.body.a[0]",
            request(Part::Body(Some("$.a[0]".into()))),
        );
        check(
            "method.request.body.$.a",
            request(Part::Body(Some("$.a".into()))),
        );
        check("method.request.header", None);
        check("method.request.header.", None);
        check("method.request.cookie.a", None);
        let answer = Some(Source::Response(Part::Header("a".into())));
        check("integration.response.header.a", answer);
        check("integration.response.path.a", None);
        check("integration.response.querystring.a", None);
    }
}
