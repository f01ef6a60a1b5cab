//! Routing rules of a custom domain: headers and base paths to stages.

use crate::plan::segment;

/// A rule. Rules are asked in the order of their priority and the first that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// All must hold; a rule without any fits every request.
    pub conditions: Box<[Condition]>,
    /// Index in `Plan::stages`; none: what it leads to is not served.
    pub stage: Option<u32>,
    /// Whether routes see the path without the base path that fitted.
    pub strips_base_path: bool,
}

/// Holds if any of its entries does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// With the slash before them: `/orders`.
    BasePaths(Box<[Box<str>]>),
    Headers(Box<[HeaderGlob]>),
}

/// A header by name, whatever its letter case, and what its value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderGlob {
    pub name: Box<str>,
    /// Without the stars around it.
    pub text: Box<str>,
    /// There was a star before it.
    pub any_start: bool,
    /// There was a star behind it.
    pub any_end: bool,
}

impl HeaderGlob {
    /// `name` and `abc`, `abc*`, `*abc` or `*abc*`.
    pub fn new(name: &str, glob: &str) -> Self {
        let (any_start, rest) = match glob.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, glob),
        };
        let (any_end, text) = match rest.strip_suffix('*') {
            Some(text) => (true, text),
            None => (false, rest),
        };
        Self {
            name: name.into(),
            text: text.into(),
            any_start,
            any_end,
        }
    }

    fn admits(&self, value: &[u8]) -> bool {
        let text = self.text.as_bytes();
        match (self.any_start, self.any_end) {
            (false, false) => value == text,
            (false, true) => value.starts_with(text),
            (true, false) => value.ends_with(text),
            (true, true) => memchr::memmem::find(value, text).is_some(),
        }
    }
}

impl Rule {
    /// How many bytes of the path the routes do not see, if the rule fits. `field` gives the value
    /// of a header.
    pub(in crate::plan) fn fits<'r>(
        &self,
        path: &[u8],
        field: &impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Option<usize> {
        let mut stripped = 0;
        for condition in &self.conditions {
            match condition {
                Condition::BasePaths(paths) => {
                    let fitting = paths.iter().filter(|base| begins(path, base.as_bytes()));
                    let longest = fitting.map(|base| base.len()).max()?;
                    if self.strips_base_path {
                        stripped = longest;
                    }
                }
                Condition::Headers(globs) => {
                    let mut globs = globs.iter();
                    let holds =
                        globs.any(|glob| field(&glob.name).is_some_and(|value| glob.admits(value)));
                    if !holds {
                        return None;
                    }
                }
            }
        }
        Some(stripped)
    }
}

/// Whole segments only.
fn begins(path: &[u8], base: &[u8]) -> bool {
    path.starts_with(base) && segment::end(path, base.len()) == base.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(conditions: Vec<Condition>, strips_base_path: bool) -> Rule {
        Rule {
            conditions: conditions.into(),
            stage: Some(1),
            strips_base_path,
        }
    }

    #[test]
    fn a_star_stands_at_either_end() {
        let check = |glob: &str, value: &str, expected: bool| {
            let glob = HeaderGlob::new("a", glob);
            assert_eq!(glob.admits(value.as_bytes()), expected, "{glob:?} {value}");
        };
        check("World", "World", true);
        check("World", "world", false);
        check("a*", "alpha", true);
        check("a*", "beta", false);
        check("*a", "alpha", true);
        check("*a", "users", false);
        check("*a*", "bat", true);
        check("*a*", "users", false);
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let paths = ["/users", "/users/old"].map(Into::into);
        let paths = Condition::BasePaths(paths.into());
        let headers = Condition::Headers([HeaderGlob::new("X-Version", "beta*")].into());
        let both = rule(vec![headers, paths.clone()], true);
        let check = |rule: &Rule, path: &str, version: Option<&'static [u8]>, expected| {
            let field = |name: &str| version.filter(|_| name.eq_ignore_ascii_case("x-version"));
            assert_eq!(rule.fits(path.as_bytes(), &field), expected, "{path}");
        };
        check(&both, "/users/7", Some(b"beta2"), Some(6));
        check(&both, "/users", Some(b"beta"), Some(6));
        check(&both, "/users/old/7", Some(b"beta"), Some(10));
        check(&both, "/users/7", Some(b"alpha"), None);
        check(&both, "/users/7", None, None);
        check(&both, "/usersold", Some(b"beta"), None);
        check(&both, "/Users/7", Some(b"beta"), None);
        check(&rule(vec![paths], false), "/users/7", None, Some(0));
        check(&rule(Vec::new(), true), "/anything", None, Some(0));
    }
}
