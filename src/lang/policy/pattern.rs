//! Texts with wildcards and policy variables: `arn:aws:s3:::home/${aws:username}/*`.

use crate::lang::policy::Context;

/// A text of a policy, cut into what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `*`: any text, also none.
    Any,
    /// `?`: one character.
    One,
    /// `${key}` or `${key, 'default'}`. What it stands for is text, even with a `*` inside.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// What has a meaning in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub wildcards: bool,
    /// Since version 2012-10-17 of the policy language.
    pub variables: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Exact,
    Blind,
}

impl Pattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables
                && let Some((piece, after)) = variable(rest)
            {
                flush(&mut pieces, &mut plain);
                pieces.push(piece);
                rest = after;
                continue;
            }
            match first {
                '*' if syntax.wildcards => {
                    flush(&mut pieces, &mut plain);
                    // Two in a row mean the same as one.
                    if pieces.last() != Some(&Piece::Any) {
                        pieces.push(Piece::Any);
                    }
                }
                '?' if syntax.wildcards => {
                    flush(&mut pieces, &mut plain);
                    pieces.push(Piece::One);
                }
                _ => plain.push(first),
            }
            rest = &rest[first.len_utf8()..];
        }
        flush(&mut pieces, &mut plain);
        Self(pieces)
    }

    /// A variable without a value and without a default makes the whole pattern match nothing.
    pub(crate) fn matches(&self, text: &str, case: Case, context: &Context) -> bool {
        let Some(symbols) = self.symbols(context) else {
            return false;
        };
        glob(&symbols, &text.chars().collect::<Vec<_>>(), case)
    }

    /// Whether it may be an action of this service, whose name is in lower case: `service:…`, or the
    /// service is left open by a wildcard.
    pub(crate) fn may_be_of(&self, service: &str) -> bool {
        match self.0.first() {
            Some(Piece::Text(text)) => match text.split_once(':') {
                Some((named, _)) => named.eq_ignore_ascii_case(service),
                None => self.0.len() > 1 && service.starts_with(&text.to_ascii_lowercase()),
            },
            _ => true,
        }
    }

    fn symbols(&self, context: &Context) -> Option<Vec<Symbol>> {
        let mut symbols = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => symbols.extend(text.chars().map(Symbol::Char)),
                Piece::Any => symbols.push(Symbol::Any),
                Piece::One => symbols.push(Symbol::One),
                Piece::Variable { key, default } => {
                    // A key with several values cannot be a variable.
                    let value = match context.values(key) {
                        Some([value]) => Some(value),
                        _ => default.as_ref(),
                    };
                    symbols.extend(value?.chars().map(Symbol::Char));
                }
            }
        }
        Some(symbols)
    }
}

#[derive(Clone, Copy, Debug)]
enum Symbol {
    Char(char),
    Any,
    One,
}

/// Goes back to the last `*` only, which is enough: time grows with the product of the lengths.
fn glob(pattern: &[Symbol], text: &[char], case: Case) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let here = match pattern.get(p) {
            Some(Symbol::Any) => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            Some(Symbol::One) => true,
            Some(Symbol::Char(wanted)) => is_same(*wanted, text[t], case),
            None => false,
        };
        if here {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star, taken)) = retry {
            retry = Some((star, taken + 1));
            (p, t) = (star + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..]
        .iter()
        .all(|symbol| matches!(symbol, Symbol::Any))
}

fn is_same(left: char, right: char, case: Case) -> bool {
    match case {
        Case::Exact => left == right,
        Case::Blind => left == right || left.to_lowercase().eq(right.to_lowercase()),
    }
}

fn flush(pieces: &mut Vec<Piece>, plain: &mut String) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain)));
    }
}

/// The variable at the start of `text`, and what follows it. `${*}`, `${?}` and `${$}` are the
/// characters themselves.
fn variable(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let piece = match inside {
        "*" | "?" | "$" => Piece::Text(inside.to_owned()),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => (key, Some(quoted(default.trim())?)),
                None => (inside, None),
            };
            Piece::Variable {
                key: key.trim().to_ascii_lowercase(),
                default,
            }
        }
    };
    Some((piece, after))
}

fn quoted(text: &str) -> Option<String> {
    let inside = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let context = Context::new()
            .with("aws:username", "al*ce")
            .with("many", "a")
            .with("many", "b");
        let syntax = Syntax {
            wildcards: true,
            variables: true,
        };
        let found = Pattern::parse(pattern, syntax).matches(text, Case::Exact, &context);
        assert_eq!(found, expected, "{pattern} {text}");
    }

    #[test]
    fn wildcards_match_runs_and_single_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a*b*c", "a1b2b3c", true),
            ("*.example.com", "a.b.example.com", true),
            ("?", "é", true),
            ("?", "", false),
            ("a?c*", "abc", true),
            ("*a", "aaab", false),
            ("*ab", "aaab", true),
            ("A", "a", false),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn variables_stand_for_text() {
        for (pattern, text, expected) in [
            ("home/${aws:username}/*", "home/al*ce/x", true),
            ("home/${AWS:UserName}/*", "home/al*ce/x", true),
            // Its star is not ours.
            ("home/${aws:username}", "home/alice", false),
            ("${missing}", "", false),
            ("${missing, 'none'}*", "none1", true),
            ("${aws:username, 'none'}", "al*ce", true),
            ("${many}", "a", false),
            ("${*}${?}${$}", "*?$", true),
            ("${*}", "x", false),
            ("${open", "${open", true),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = "*a".repeat(100) + "b";
        check(&pattern, &"a".repeat(5_000), false);
    }
}
