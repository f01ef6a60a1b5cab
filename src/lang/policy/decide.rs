//! The decision: a denial wins, then a permission, else nothing was said.

use std::collections::BTreeMap;

use crate::lang::policy::document::{Effect, Policy, Principal, Statement};
use crate::lang::policy::operator::resource_matches;
use crate::lang::policy::pattern::Case;

/// What is known of a request: condition keys with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. Keys are blind to case, and may have several values.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0
            .entry(key.to_ascii_lowercase())
            .or_default()
            .push(value.into());
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.add(key, value);
        self
    }

    /// `key` is in lower case.
    pub(crate) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Nobody signed.
    Anonymous,
    /// A user, role or session of an account.
    User { account: &'a str, arn: &'a str },
    /// A service in its own name: `apigateway.amazonaws.com`.
    Service(&'a str),
}

/// The question: may `caller` do `action` to `resource`?
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    pub caller: Caller<'a>,
    /// `execute-api:Invoke`.
    pub action: &'a str,
    /// An ARN.
    pub resource: &'a str,
    pub context: &'a Context,
}

/// The answer, with the statement that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    Allow(&'p Statement),
    Deny(&'p Statement),
    /// No statement applies: denied, unless another kind of policy allows it.
    Implicit,
}

impl Decision<'_> {
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

/// Judges with all `policies`, which are of one kind.
pub fn decide<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    inquiry: &Inquiry<'_>,
) -> Decision<'p> {
    let mut allowed = Decision::Implicit;
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        if !statement.applies(inquiry) {
            continue;
        }
        match statement.effect {
            Effect::Deny => return Decision::Deny(statement),
            Effect::Allow if allowed == Decision::Implicit => {
                allowed = Decision::Allow(statement);
            }
            Effect::Allow => {}
        }
    }
    allowed
}

impl Statement {
    fn applies(&self, inquiry: &Inquiry<'_>) -> bool {
        let Inquiry {
            caller,
            action,
            resource,
            context,
        } = inquiry;
        let principal = || {
            self.principals
                .as_ref()
                .is_none_or(|choice| choice.holds(|principal| principal.is(caller)))
        };
        let action = || {
            self.actions
                .holds(|pattern| pattern.matches(action, Case::Blind, context))
        };
        let resource = || {
            self.resources.as_ref().is_none_or(|choice| {
                choice.holds(|pattern| resource_matches(pattern, resource, context))
            })
        };
        action()
            && resource()
            && principal()
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(context))
    }
}

impl Principal {
    fn is(&self, caller: &Caller<'_>) -> bool {
        match (self, caller) {
            (Self::Everybody, _) => true,
            (Self::Account(wanted), Caller::User { account, .. }) => wanted == account,
            (Self::Arn(wanted), Caller::User { arn, .. }) => wanted == arn,
            (Self::Service(wanted), Caller::Service(name)) => wanted == name,
            _ => false,
        }
    }
}
