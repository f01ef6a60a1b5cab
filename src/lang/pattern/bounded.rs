//! Patterns for what strangers send: what a search may cost them is bounded by the length of the text,
//! since each step back may look at the whole rest of it once more.

use super::{Pattern, PatternError, java};

/// Two bounds, of which a text takes the one for its length: bytes, and steps back. Either way these
/// look at some four million bytes at most, and steps ahead, which are at most as many as the text has
/// characters, at some sixteen million.
const SHORT: (usize, usize) = (1_024, 4_096);
const LONG: (usize, usize) = (4_096, 1_024);

/// One compiled pattern that has to match a whole text of a stranger.
#[derive(Clone, Debug)]
pub struct Bounded {
    /// None: no search goes back, so one for all lengths is enough.
    short: Option<Pattern>,
    long: Pattern,
}

impl Bounded {
    /// # Errors
    /// What Java would refuse, in words for people.
    pub fn full(pattern: &str) -> Result<Self, PatternError> {
        let translated = java::translate(pattern, java::Use::Full)?;
        let short = goes_back(&translated).then_some(SHORT.1);
        let whole = format!(r"\A(?:{translated})\z");
        Ok(Self {
            short: short
                .map(|backtracks| Pattern::build(&whole, backtracks))
                .transpose()?,
            long: Pattern::build(&whole, LONG.1)?,
        })
    }

    /// Whether it matches.
    ///
    /// # Errors
    /// [`PatternError::TooSlow`].
    pub fn is_match(&self, text: &str) -> Result<bool, PatternError> {
        self.is_match_within(text, &mut { usize::MAX })
    }

    fn is_match_within(&self, text: &str, looks: &mut usize) -> Result<bool, PatternError> {
        match &self.short {
            Some(short) if text.len() <= SHORT.0 => short.is_match_within(text, looks),
            Some(_) if text.len() > LONG.0 => Err(PatternError::TooSlow),
            _ => self.long.is_match_within(text, looks),
        }
    }
}

/// Whether there are signs of what the engine cannot do in one pass: looking around, references,
/// groups and repetitions that hold what they have.
fn goes_back(pattern: &str) -> bool {
    const SIGNS: &[&str] = &[
        "(?=", "(?!", "(?<", "(?>", "(?(", "++", "*+", "?+", "}+", r"\k", r"\G", r"\K", r"\g",
    ];
    let refers = |pair: &[u8]| pair[0] == b'\\' && pair[1].is_ascii_digit();
    SIGNS.iter().any(|sign| pattern.contains(sign)) || pattern.as_bytes().windows(2).any(refers)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    /// Bytes that a search looks at, at most: each step takes up to two looks.
    const BYTES_MAX: usize = 40 << 20;

    #[test]
    fn what_a_search_costs_does_not_grow_with_the_text() {
        for java in [
            r"((?=.*b)a)*c",
            r"((?=a)a+)+\1?c",
            r"(?:(?=.*b)a+)+c",
            r"(a|a(?=a))*c",
        ] {
            let pattern = Bounded::full(java).expect(java);
            for length in [8, 200, 1_000, 1_100, 4_000, 10_000, 15_000, 60_000] {
                let text = "a".repeat(length) + "b";
                let mut looks = usize::MAX;
                let found = pattern.is_match_within(&text, &mut looks);
                assert_ne!(found, Ok(true), "{java} {length}");
                let bytes = (usize::MAX - looks) * text.len();
                assert!(bytes < BYTES_MAX, "{java} {length}: {bytes}");
            }
        }
    }

    #[test]
    fn tokens_match_as_ever() {
        let long = format!("Bearer {}", "aB3.-_".repeat(10_000));
        let middle = format!("Bearer {}", "aB3.-_".repeat(300));
        for (java, text, expected) in [
            (r"^Bearer [-0-9A-Za-z._]*$", long.as_str(), Ok(true)),
            (r"Bearer [-0-9A-Za-z.]*", &long, Ok(false)),
            (r"(?!Basic)\w+ [-\w.]++", &middle, Ok(true)),
            (r"(?!Bearer)\w+ [-\w.]++", &middle, Ok(false)),
            (r"(?!Basic)\w+ [-\w.]++", &long, Err(PatternError::TooSlow)),
            (r"((?!bad).){3,}", &middle[..900], Ok(true)),
            (r"(?s).{3,}", "no", Ok(false)),
            (r"(\w)\1", "aa", Ok(true)),
        ] {
            let pattern = Bounded::full(java).expect(java);
            assert_eq!(pattern.is_match(text), expected, "{java}");
        }
        assert!(Bounded::full("(").is_err());
    }
}
