//! Which APIs a function's policy lets in.

use crate::aws::arn;

/// The API that wants a function run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{verb}/{path}`
    pub arn: Box<str>,
    pub account: Box<str>,
}

/// A statement of a policy that lets API Gateway in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    /// The version or alias that it is for; empty: the function called by its name alone.
    pub qualifier: Box<str>,
    /// A pattern of ARNs with `*` and `?`; none: all.
    pub source_arn: Option<Box<str>>,
    pub source_account: Option<Box<str>>,
}

impl Permit {
    /// AWS keeps a policy for each qualifier: that of the function itself is not asked for an
    /// alias.
    pub fn allows(&self, qualifier: Option<&str>, source: &Source) -> bool {
        let qualifier = qualifier.filter(|qualifier| *qualifier != super::VERSION_LATEST);
        let is_from = |pattern: &str| arn::is_like(pattern, &source.arn);
        let is_of = |account: &str| account == &*source.account;
        *self.qualifier == *qualifier.unwrap_or_default()
            && self.source_arn.as_deref().is_none_or(is_from)
            && self.source_account.as_deref().is_none_or(is_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_statement_says_has_to_hold() {
        let source = Source {
            arn: "arn:aws:execute-api:eu-west-1:1:abc/prod/GET/pets/{id}".into(),
            account: "1".into(),
        };
        let check = |permit: (&str, Option<&str>, Option<&str>), asked, expected| {
            let (qualifier, arn, account) = permit;
            let permit = Permit {
                qualifier: qualifier.into(),
                source_arn: arn.map(Into::into),
                source_account: account.map(Into::into),
            };
            assert_eq!(permit.allows(asked, &source), expected, "{permit:?}");
        };
        let own = "arn:aws:execute-api:eu-west-1:1:abc/*/GET/pets/*";
        check(("", None, None), None, true);
        check(("", None, None), Some("$LATEST"), true);
        check(("", None, None), Some("live"), false);
        check(("live", None, None), Some("live"), true);
        check(("live", None, None), None, false);
        check(("", Some(own), Some("1")), None, true);
        check(("", Some(own), Some("2")), None, false);
        let other = "arn:aws:execute-api:eu-west-1:1:abc/*/POST/*";
        check(("", Some(other), None), None, false);
    }
}
