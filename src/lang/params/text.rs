//! Templates of gateway responses: text in which variables are replaced, and no more than that.
//! (AWS: "Gateway response definition: simple variable substitution, no VTL".)

use crate::lang::params::{Part, Source};

/// A text with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Box<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<str>),
    Value(Source),
}

const ROOTS: [&str; 3] = ["context.", "stageVariables.", "method.request."];

impl Text {
    /// Reads a template. Nothing is wrong in one: what is no variable stands for itself.
    pub fn parse(text: &str) -> Self {
        let (mut pieces, mut literal) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            match variable(rest) {
                Some((source, length)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(literal.as_str().into()));
                        literal.clear();
                    }
                    pieces.push(Piece::Value(source));
                    rest = &rest[length..];
                }
                None => {
                    literal.push('$');
                    rest = &rest[1..];
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        Self(pieces.into())
    }

    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.0.iter()
    }
}

/// The variable that `text` begins with, and how many bytes it takes.
fn variable(text: &str) -> Option<(Source, usize)> {
    let (start, is_braced) = match text.strip_prefix("${") {
        Some(_) => (2, true),
        None => (1, false),
    };
    let inner = &text[start..];
    let root = ROOTS.iter().find(|root| inner.starts_with(**root))?;
    let of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let end = inner.find(|c| !of_name(c)).unwrap_or(inner.len());
    // A full stop behind a variable ends a sentence.
    let name = inner[..end].trim_end_matches('.');
    if name.len() <= root.len() {
        return None;
    }
    let source = Source::parse(name)?;
    if matches!(source, Source::Request(Part::Body(_))) {
        return None;
    }
    match (is_braced, inner[name.len()..].starts_with('}')) {
        (true, true) => Some((source, start + name.len() + 1)),
        (true, false) => None,
        (false, _) => Some((source, start + name.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_are_replaced() {
        let check = |text: &str, expected: &str| {
            let mut shown = String::new();
            for piece in Text::parse(text).pieces() {
                match piece {
                    Piece::Literal(literal) => shown.push_str(literal),
                    Piece::Value(Source::Context(name)) => shown.push_str(&format!("<{name}>")),
                    Piece::Value(Source::StageVariable(name)) => {
                        shown.push_str(&format!("<var {name}>"));
                    }
                    Piece::Value(other) => shown.push_str(&format!("<{other:?}>")),
                }
            }
            assert_eq!(shown, expected, "{text}");
        };
        check("", "");
        check("plain #if($x) $ $$ ${", "plain #if($x) $ $$ ${");
        check(
            r#"{"message":$context.error.messageString}"#,
            r#"{"message":<error.messageString>}"#,
        );
        check("$context.error.message.", "<error.message>.");
        check("${context.requestId}x", "<requestId>x");
        check("${context.requestId", "${context.requestId");
        check("$context", "$context");
        check("$context.", "$context.");
        check("$$context.path$stageVariables.a", "$<path><var a>");
        check("$method.request.header.X-A", r#"<Request(Header("X-A"))>"#);
        check("$method.request.body.a", "$method.request.body.a");
        check("$input.body", "$input.body");
    }
}
