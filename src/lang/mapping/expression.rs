//! The value of a mapping: one variable, or text with variables in `${…}`.

use crate::base::ascii;
use crate::lang::logline::Variable;
use crate::lang::mapping::Pick;

/// Which message is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

/// Pieces to be put one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expression {
    pub pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<str>),
    Value(Source),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `$request.header.name`, in lower case; several are joined by commas.
    RequestHeader(Box<str>),
    /// `$request.querystring.name`; several are joined by commas.
    RequestQuery(Box<str>),
    /// `$request.path`: without the stage.
    RequestPath,
    /// `$request.path.name`.
    RequestParameter(Box<str>),
    /// `$request.body`, or what is found in it.
    RequestBody(Option<Pick>),
    /// `$response.header.name`, in lower case.
    ResponseHeader(Box<str>),
    /// `$response.body`, or what is found in it.
    ResponseBody(Option<Pick>),
    Context(Variable),
    /// `$stageVariables.name`.
    StageVariable(Box<str>),
}

const ROOTS: [&str; 4] = ["request.", "response.", "context.", "stageVariables."];

impl Expression {
    /// Whether it has to do with who calls, as authorizers and signatures say it.
    pub fn tells_of_caller(&self) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Value(Source::Context(of)) if of.is_of_caller()))
    }

    /// # Errors
    /// A variable that means nothing on this side.
    pub fn parse(text: &str, side: Side) -> Result<Self, String> {
        let refused = |text: &str| format!("Invalid mapping expression specified: {text}");
        if let Some(bare) = text.strip_prefix('$')
            && ROOTS.iter().any(|root| bare.starts_with(root))
        {
            let source = Source::parse(bare, side).ok_or_else(|| refused(text))?;
            let pieces = [Piece::Value(source)].into();
            return Ok(Self { pieces });
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(start) = rest.find("${") {
            if start > 0 {
                pieces.push(Piece::Literal(rest[..start].into()));
            }
            let inner = &rest[start + 2..];
            let end = closing(inner).ok_or_else(|| refused(&rest[start..]))?;
            let source = Source::parse(&inner[..end], side);
            pieces.push(Piece::Value(
                source.ok_or_else(|| refused(&rest[start..start + end + 3]))?,
            ));
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.into()));
        }
        Ok(Self {
            pieces: pieces.into(),
        })
    }

    /// All variables that are asked for.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Value(source) => Some(source),
        })
    }

    /// The same with stage variables put in; those that do not exist are left out.
    pub fn settled<'v>(&self, variable: impl Fn(&str) -> Option<&'v str>) -> Self {
        let settle = |piece: &Piece| match piece {
            Piece::Value(Source::StageVariable(name)) => {
                variable(name).map(|value| Piece::Literal(value.into()))
            }
            other => Some(other.clone()),
        };
        Self {
            pieces: self.pieces.iter().filter_map(settle).collect(),
        }
    }
}

/// Where the brace closes; braces within quotes belong to a name.
fn closing(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in inner.bytes().enumerate() {
        match (byte, quote) {
            (b'}', None) => return Some(at),
            (b'\'' | b'"', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

impl Source {
    /// Reads what follows the `$`; none if it means nothing.
    fn parse(text: &str, side: Side) -> Option<Self> {
        if let Some(name) = text.strip_prefix("stageVariables.") {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let fits = !name.is_empty() && name.bytes().all(is_name);
            return fits.then(|| Self::StageVariable(name.into()));
        }
        if text.starts_with("context.") {
            return Variable::named(&format!("${text}")).map(Self::Context);
        }
        match (
            side,
            text.strip_prefix("request."),
            text.strip_prefix("response."),
        ) {
            (Side::Request, Some(rest), _) => Self::request(rest),
            (Side::Response, _, Some(rest)) => match body(rest) {
                Some(pick) => pick.map(Self::ResponseBody),
                None => header(rest).map(Self::ResponseHeader),
            },
            _ => None,
        }
    }

    fn request(rest: &str) -> Option<Self> {
        if let Some(pick) = body(rest) {
            return pick.map(Self::RequestBody);
        }
        if rest == "path" {
            return Some(Self::RequestPath);
        }
        let (kind, name) = rest.split_once('.')?;
        match kind {
            "header" => header(rest).map(Self::RequestHeader),
            "querystring" if !name.is_empty() => Some(Self::RequestQuery(name.into())),
            "path" if !name.is_empty() => Some(Self::RequestParameter(name.into())),
            _ => None,
        }
    }
}

fn header(rest: &str) -> Option<Box<str>> {
    let name = rest.strip_prefix("header.")?;
    ascii::is_token(name.as_bytes()).then(|| name.to_ascii_lowercase().into())
}

/// None if it is not about the body; the inner one is none if its path cannot be read.
fn body(rest: &str) -> Option<Option<Option<Pick>>> {
    match rest.strip_prefix("body")? {
        "" => Some(Some(None)),
        path if path.starts_with(['.', '[']) => Some(Pick::parse(path).map(Some)),
        _ => Some(None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(text: &str, side: Side, expected: &[Piece]) {
        let found = Expression::parse(text, side);
        let found = found.map(|expression| expression.pieces);
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.into())
    }

    #[test]
    fn one_variable_needs_no_braces() {
        let check = |text: &str, source: Source| {
            check(text, Side::Request, &[Piece::Value(source.clone())]);
            let braced = format!("${{{}}}", &text[1..]);
            self::check(&braced, Side::Request, &[Piece::Value(source)]);
        };
        check("$request.header.X-A", Source::RequestHeader("x-a".into()));
        check(
            "$request.querystring.A b",
            Source::RequestQuery("A b".into()),
        );
        check("$request.path", Source::RequestPath);
        check("$request.path.id", Source::RequestParameter("id".into()));
        check("$request.body", Source::RequestBody(None));
        let pick = Pick::parse(".a[0]['b.c']");
        assert!(pick.is_some());
        check("$request.body.a[0]['b.c']", Source::RequestBody(pick));
        check("$stageVariables.a_1", Source::StageVariable("a_1".into()));
        check("$context.requestId", Source::Context(Variable::RequestId));
        check(
            "$context.authorizer.claims.sub",
            Source::Context(Variable::AuthorizerClaim("sub".into())),
        );
    }

    #[test]
    fn text_and_several_variables_stand_side_by_side() {
        let stage = Piece::Value(Source::Context(Variable::Stage));
        check(
            "a-${context.stage}${request.path}/$b",
            Side::Request,
            &[
                literal("a-"),
                stage,
                Piece::Value(Source::RequestPath),
                literal("/$b"),
            ],
        );
        check("plain", Side::Request, &[literal("plain")]);
        check("$unknown", Side::Request, &[literal("$unknown")]);
        check("''", Side::Response, &[literal("''")]);
        check("", Side::Response, &[]);
    }

    #[test]
    fn an_answer_has_variables_of_its_own() {
        let header = Source::ResponseHeader("x-a".into());
        check(
            "$response.header.X-A",
            Side::Response,
            &[Piece::Value(header)],
        );
        let body = Source::ResponseBody(Pick::parse(".a"));
        check("$response.body.a", Side::Response, &[Piece::Value(body)]);
    }

    #[test]
    fn what_means_nothing_is_refused_as_it_stands() {
        let check = |text: &str, side, blamed: &str| {
            let expected = format!("Invalid mapping expression specified: {blamed}");
            assert_eq!(Expression::parse(text, side), Err(expected), "{text}");
        };
        for text in [
            "$request.header.",
            "$request.header.a b",
            "$request.cookie.a",
            "$request.querystring.",
            "$request.path.",
            "$request.bodya",
            "$request.body.",
            "$request.body..a",
            "$request.body[?(@.a)]",
            "$response.header.a",
            "$context.nothing",
            "$stageVariables.a-b",
        ] {
            check(text, Side::Request, text);
        }
        check("$request.header.a", Side::Response, "$request.header.a");
        check("a${request.x}b", Side::Request, "${request.x}");
        check("a${request.path", Side::Request, "${request.path");
        check("${}", Side::Request, "${}");
    }

    #[test]
    fn stage_variables_are_put_in() {
        let text = "${stageVariables.a}-${stageVariables.none}${request.path}";
        let expression = Expression::parse(text, Side::Request).unwrap();
        let settled = expression.settled(|name| (name == "a").then_some("x"));
        let path = Piece::Value(Source::RequestPath);
        assert_eq!(*settled.pieces, [literal("x"), literal("-"), path]);
        assert_eq!(settled.sources().count(), 1);
    }
}
