//! `replaceAll`, `replaceFirst` and `split` as Java's `String` has them.

use fancy_regex::Captures;

use super::{Pattern, PatternError, Watched};

/// How often, how long, and what it cost.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
    /// Java's replacement text: `$1`, `${name}`, `\$`.
    pub with: &'a str,
    pub first_only: bool,
    /// The result may have this many bytes.
    pub bytes_max: usize,
}

impl Pattern {
    /// `text.replaceAll(…)` or `text.replaceFirst(…)`. All its searches take their looks from `looks`.
    ///
    /// # Errors
    /// A wrong replacement, a result that is too long, searches that are too slow.
    pub fn replace(
        &self,
        text: &str,
        how: Replacement<'_>,
        looks: &mut usize,
    ) -> Result<String, PatternError> {
        let watched = Watched::new(text, *looks);
        let mut out = String::new();
        let (mut from, mut copied) = (0, 0);
        while let Some(found) = self.captures(&watched, from)? {
            let Some(whole) = found.get(0) else { break };
            out.push_str(&text[copied..whole.start]);
            expand(&mut out, how.with, &found, text)?;
            copied = whole.end;
            if out.len() > how.bytes_max {
                return Err(PatternError::TooLong);
            }
            match next_search(text, whole.start, whole.end) {
                Some(next) if !how.first_only => from = next,
                _ => break,
            }
        }
        *looks = watched.left()?;
        out.push_str(&text[copied..]);
        if out.len() > how.bytes_max {
            return Err(PatternError::TooLong);
        }
        Ok(out)
    }

    /// `text.split(…, limit)`: at most `limit` pieces if it is positive; empty ones at the end are
    /// left out if it is 0. All searches take their looks from `looks`.
    ///
    /// # Errors
    /// Searches that are too slow, more than `pieces_max` pieces.
    pub fn split<'t>(
        &self,
        text: &'t str,
        limit: i32,
        pieces_max: usize,
        looks: &mut usize,
    ) -> Result<Vec<&'t str>, PatternError> {
        let watched = Watched::new(text, *looks);
        let mut pieces = Vec::new();
        let (mut from, mut copied) = (0, 0);
        let enough = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        while enough.is_none_or(|limit| pieces.len() + 1 < limit) {
            let found = watched.search(|text| self.regex.find_from_pos(text, from))?;
            *looks = watched.left()?;
            let Some(found) = found else { break };
            // An empty match at the beginning gives no empty first piece.
            if found.end > 0 {
                pieces.push(&text[copied..found.start]);
                copied = found.end;
            }
            if pieces.len() > pieces_max {
                return Err(PatternError::TooLong);
            }
            match next_search(text, found.start, found.end) {
                Some(next) => from = next,
                None => break,
            }
        }
        if copied == 0 && pieces.is_empty() {
            return Ok(vec![text]);
        }
        pieces.push(&text[copied..]);
        if limit == 0 {
            while pieces.last().is_some_and(|piece| piece.is_empty()) {
                pieces.pop();
            }
        }
        Ok(pieces)
    }

    fn captures<'t>(
        &self,
        text: &'t Watched<'_>,
        from: usize,
    ) -> Result<Option<Captures<'t, Watched<'t>>>, PatternError> {
        text.search(|text| self.regex.captures_from_pos(text, from))
    }
}

/// Where Java's `find` goes on: behind the match, one character further if it was empty.
fn next_search(text: &str, start: usize, end: usize) -> Option<usize> {
    if end > start {
        return Some(end);
    }
    let step = text[end..].chars().next()?.len_utf8();
    Some(end + step)
}

/// Java's `Matcher.appendReplacement`.
fn expand(
    out: &mut String,
    with: &str,
    found: &Captures<'_, Watched<'_>>,
    text: &str,
) -> Result<(), PatternError> {
    let wrong = |why: &str| Err(PatternError::Replacement(why.to_owned()));
    let mut rest = with;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let escaped = rest[at..].starts_with('\\');
        rest = &rest[at + 1..];
        if escaped {
            let Some(c) = rest.chars().next() else {
                return wrong("character to be escaped is missing");
            };
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else if let Some(named) = rest.strip_prefix('{') {
            let Some((name, after)) = named.split_once('}') else {
                return wrong("named capturing group is missing trailing '}'");
            };
            let Some(group) = found.name(name) else {
                return wrong("no such group");
            };
            out.push_str(&text[group]);
            rest = after;
        } else {
            let (group, used) = group_number(rest, found.len())?;
            if let Some(group) = found.get(group) {
                out.push_str(&text[group]);
            }
            rest = &rest[used..];
        }
    }
    out.push_str(rest);
    Ok(())
}

/// The number behind `$`: more digits are taken as long as there is such a group.
fn group_number(rest: &str, groups: usize) -> Result<(usize, usize), PatternError> {
    let digit = |at: usize| {
        let byte = rest.as_bytes().get(at).filter(|byte| byte.is_ascii_digit());
        byte.map(|byte| usize::from(byte - b'0'))
    };
    let Some(mut number) = digit(0) else {
        return Err(PatternError::Replacement(
            "illegal group reference".to_owned(),
        ));
    };
    if number >= groups {
        return Err(PatternError::Replacement(format!("no group {number}")));
    }
    let mut used = 1;
    while let Some(next) = digit(used).map(|digit| number * 10 + digit) {
        if next >= groups {
            break;
        }
        (number, used) = (next, used + 1);
    }
    Ok((number, used))
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, java: &str, with: &str, expected: &str) {
        let pattern = Pattern::search(java).expect("a pattern");
        let how = Replacement {
            with,
            first_only: false,
            bytes_max: 1000,
        };
        let found = pattern
            .replace(text, how, &mut 10_000)
            .expect("a replacement");
        assert_eq!(found, expected);
    }

    #[test]
    fn replacements_are_javas() {
        check("baaac", "a*", "-", "-b--c-");
        check("a1b2", r"([a-z])(\d)", "$2$1", "1a2b");
        check("a1", r"(?<l>[a-z])", "<${l}>", "<a>1");
        check("it's", r"\'", "'", "it's");
        check("a.b", r"\.", r"\$\\", r"a$\b");
        check("ab", "(a)", "$11", "a1b");
        check("x", "y", "$9", "x");
        check("äöü", "", "-", "-ä-ö-ü-");
    }

    #[test]
    fn wrong_replacements_are_errors() {
        let pattern = Pattern::search("a").expect("a pattern");
        for with in ["$", "$1", r"\", "${x}", "${x"] {
            let how = Replacement {
                with,
                first_only: false,
                bytes_max: 1000,
            };
            let found = pattern.replace("a", how, &mut 100);
            assert!(matches!(found, Err(PatternError::Replacement(_))), "{with}");
        }
        let how = Replacement {
            with: "long",
            first_only: false,
            bytes_max: 5,
        };
        let found = pattern.replace("aaa", how, &mut 100);
        assert_eq!(found, Err(PatternError::TooLong));
    }

    #[test]
    fn splits_are_javas() {
        let split = |text: &str, java: &str, limit| {
            let pattern = Pattern::search(java).expect("a pattern");
            let pieces = pattern.split(text, limit, 100, &mut 1000).expect("pieces");
            pieces.join("|")
        };
        assert_eq!(split("a,b,,", ",", 0), "a|b");
        assert_eq!(split("a,b,,", ",", -1), "a|b||");
        assert_eq!(split("a,b,c", ",", 2), "a|b,c");
        assert_eq!(split(",a", ",", 0), "|a");
        assert_eq!(split("abc", "", 0), "a|b|c");
        assert_eq!(split("", ",", 0), "");
        assert_eq!(split("abc", "x", 0), "abc");
    }
}
