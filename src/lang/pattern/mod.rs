//! Java's regular expressions, as users of the gateway write them, with a bound on backtracking.
//!
//! A selection pattern of an integration response is compiled by [`Pattern::full`] when the plan
//! is made and asked with [`Pattern::is_match`], one for what strangers send is a [`Bounded`];
//! `replaceAll`, `split` and `matches` of templates are here too.

mod bounded;
mod java;
mod replace;
mod watched;

use std::fmt;

use fancy_regex::{Regex, RegexBuilder};

pub use bounded::Bounded;
pub use replace::Replacement;
use watched::Watched;

/// A pattern longer than this is refused; AWS keeps templates and patterns far shorter.
pub const PATTERN_BYTES_MAX: usize = 8 * 1024;

/// Steps back one search may take: some milliseconds. Whoever makes many searches bounds what all of them
/// take together: see [`Pattern::is_match_within`].
const BACKTRACKS_MAX: usize = 100_000;

/// Memory of one compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

/// Why a pattern gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// Java would not compile it, or it is too large to.
    Malformed(String),
    /// It needed more steps back than a search may take.
    TooSlow,
    /// The result is longer than allowed.
    TooLong,
    /// The replacement names a group that is not there, or ends in a backslash.
    Replacement(String),
}

impl Pattern {
    /// Compiles a pattern that must match the whole text, as Java's `String.matches` and the
    /// selection patterns of integration responses do: `\A(?:…)\z`.
    ///
    /// # Errors
    /// What Java would refuse, in words for people.
    pub fn full(java: &str) -> Result<Self, PatternError> {
        let translated = java::translate(java, java::Use::Full)?;
        Self::build(&format!(r"\A(?:{translated})\z"), BACKTRACKS_MAX)
    }

    /// Compiles a pattern to look for inside of a text.
    ///
    /// # Errors
    /// What Java would refuse, in words for people.
    pub fn search(java: &str) -> Result<Self, PatternError> {
        let translated = java::translate(java, java::Use::Search)?;
        Self::build(&translated, BACKTRACKS_MAX)
    }

    fn build(translated: &str, backtracks_max: usize) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(translated)
            .backtrack_limit(backtracks_max)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| PatternError::Malformed(error.to_string()))?;
        Ok(Self { regex })
    }

    /// Whether it matches.
    ///
    /// # Errors
    /// [`PatternError::TooSlow`].
    pub fn is_match(&self, text: &str) -> Result<bool, PatternError> {
        self.is_match_within(text, &mut { usize::MAX })
    }

    /// The same, taking each look at the text from `looks`. A search that goes back and forth looks at
    /// the same characters again and again.
    ///
    /// # Errors
    /// [`PatternError::TooSlow`].
    pub fn is_match_within(&self, text: &str, looks: &mut usize) -> Result<bool, PatternError> {
        let text = Watched::new(text, *looks);
        let found = text.search(|text| self.regex.is_match(text))?;
        *looks = text.left()?;
        Ok(found)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(out, "the regular expression is wrong: {why}"),
            Self::TooSlow => out.write_str("the regular expression takes too many steps"),
            Self::TooLong => out.write_str("the result is too long"),
            Self::Replacement(why) => write!(out, "the replacement is wrong: {why}"),
        }
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(java: &str, text: &str, expected: bool) {
        let pattern = Pattern::full(java);
        let pattern = pattern.expect(java);
        assert_eq!(pattern.is_match(text), Ok(expected), "{java} on {text:?}");
    }

    #[test]
    fn selection_patterns_match_the_whole_text() {
        check(r"2\d{2}", "200", true);
        check(r"2\d{2}", "2000", false);
        check("4|40", "40", true);
        check(".*Error.*", "An Error here", true);
        check(".*", "", true);
        check(".+", "two\nlines", false);
        check("(?s).+", "two\nlines", true);
        check("(?i)not found", "NOT Found", true);
        check("^4..$", "404", true);
        check("abc$", "abc\n", false);
    }

    #[test]
    fn java_spells_some_things_in_its_own_way() {
        check(r"\Qa.b\E.", "a.bc", true);
        check(r"\Qa.b\E.", "axbc", false);
        check(r"\Qopen", "open", true);
        check(r"[a-z&&[^x]]+", "abc", true);
        check(r"[a-z&&[^x]]+", "axc", false);
        check(r"\p{Alpha}+\p{Punct}", "abc!", true);
        check(r"\p{javaUpperCase}", "A", true);
        check(r"a++b", "aaab", true);
        check(r"a*+a", "aaa", false);
        check(r"\d", "٣", false);
        check(r"\u0041\x42\0103", "ABC", true);
        check(r"(a)\1", "aa", true);
        check(r"(?<n>a)\k<n>", "aa", true);
        check(r#"\"[]x]\/\-"#, "\"]/-", true);
        check(r"[\d\-.~]+", "1-2.~", true);
        check("a}]", "a}]", true);
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for java in ["{", "a{b}", "(", "*a", "[", r"\y", "a{2,1}", r"\"] {
            let refused = Pattern::full(java);
            assert!(
                matches!(refused, Err(PatternError::Malformed(_))),
                "{java}: {refused:?}"
            );
        }
        assert!(Pattern::full(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
        assert!(Pattern::full(&"(".repeat(5000)).is_err());
        assert!(Pattern::full(&"[".repeat(5000)).is_err());
    }

    #[test]
    fn catastrophic_patterns_end() {
        let text = "a".repeat(4000) + "bc";
        let pattern = Pattern::full(r"((?=a)a+)+\1?c").expect("a pattern");
        assert_eq!(pattern.is_match(&text), Err(PatternError::TooSlow));
        check("(a+)+c", &text, false);
        assert!(Pattern::full(r"((\w{1000}){1000}){1000}").is_err());
    }

    #[test]
    fn searches_that_go_back_take_looks() {
        let pattern = Pattern::full(r"((?=a)a+)+\1?c").expect("a pattern");
        let taken = |text: &str| {
            let mut looks = 1_000_000;
            assert_eq!(pattern.is_match_within(text, &mut looks), Ok(false));
            1_000_000 - looks
        };
        let (few, many) = (taken(&"a".repeat(8)), taken(&"a".repeat(12)));
        assert!(many > 8 * few, "{few} {many}");
        let text = "a".repeat(12);
        let within = |mut looks| pattern.is_match_within(&text, &mut looks);
        assert_eq!(within(many), Ok(false));
        assert_eq!(within(many - 1), Err(PatternError::TooSlow));
        let words = Pattern::search(r"(\w)\1").expect("a pattern");
        let (text, mut looks) = ("aab".repeat(200), 1000);
        let pieces = words.split(&text, 0, 1000, &mut looks);
        assert_eq!(pieces, Err(PatternError::TooSlow));
    }
}
