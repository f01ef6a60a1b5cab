//! May this caller do that? Its own policy and that of the API together say so.
//! (AWS: "How API Gateway resource policies affect authorization workflow", tables A and B.)

use std::net::IpAddr;

use crate::base::date::iso8601;
use crate::gateway::auth::said::{Said, Verdict};
use crate::gateway::auth::{Standing, User};
use crate::lang::policy::{self, Caller, Context, Decision, Inquiry, Policy};
use crate::net::Exchange;
use crate::wire::head::Name;

pub const INVOKE: &str = "execute-api:Invoke";
pub const INVALIDATE: &str = "execute-api:InvalidateCache";

/// What one side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Allow,
    Deny,
    Silence,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Somebody has said no.
    Explicitly,
    /// Nobody has said yes.
    Silently,
}

impl Word {
    pub fn of(policy: &Policy, inquiry: &Inquiry<'_>) -> Self {
        match policy::decide(std::iter::once(policy), inquiry) {
            Decision::Allow(_) => Self::Allow,
            Decision::Deny(_) => Self::Deny,
            Decision::Implicit => Self::Silence,
        }
    }

    /// What the caller's side says.
    fn of_user(user: &User, inquiry: &Inquiry<'_>) -> Self {
        match user.standing() {
            Standing::Everything => Self::Allow,
            Standing::Nothing => Self::Silence,
            Standing::Policy(policy) => Self::of(policy, inquiry),
        }
    }

    /// Table A: one side that allows is enough.
    ///
    /// # Errors
    /// It is denied.
    pub fn or(self, other: Self) -> Result<(), Denied> {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Err(Denied::Explicitly),
            (Self::Allow, _) | (_, Self::Allow) => Ok(()),
            _ => Err(Denied::Silently),
        }
    }

    /// Table B: both sides have to allow.
    fn and(self, other: Self) -> Result<(), Denied> {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Err(Denied::Explicitly),
            (Self::Allow, Self::Allow) => Ok(()),
            _ => Err(Denied::Silently),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub action: &'a str,
    /// The ARN of the call.
    pub arn: &'a str,
    /// Whose the API is.
    pub account: &'a str,
    /// The policy of the API.
    pub policy: Option<&'a Policy>,
    pub context: &'a Context,
}

impl Question<'_> {
    fn inquiry<'q>(&'q self, caller: Caller<'q>) -> Inquiry<'q> {
        Inquiry {
            caller,
            action: self.action,
            resource: self.arn,
            context: self.context,
        }
    }

    /// For whoever has shown nothing.
    ///
    /// # Errors
    /// The policy of the API does not allow it.
    pub fn anonymous(&self) -> Result<(), Denied> {
        match self.of_api(Caller::Anonymous) {
            Word::Allow => Ok(()),
            Word::Deny => Err(Denied::Explicitly),
            Word::Silence => Err(Denied::Silently),
        }
    }

    /// What the policy of the API says.
    pub fn of_api(&self, caller: Caller<'_>) -> Word {
        let inquiry = self.inquiry(caller);
        self.policy
            .map_or(Word::Silence, |policy| Word::of(policy, &inquiry))
    }

    /// What an authorizer said of this.
    pub fn said(&self, said: &Said) -> Word {
        match &said.verdict {
            Verdict::Policy(policy) => Word::of(policy, &self.inquiry(Caller::Anonymous)),
            Verdict::Flat(true) => Word::Allow,
            Verdict::Flat(false) => Word::Silence,
        }
    }

    /// For whoever has signed.
    ///
    /// # Errors
    /// It is denied.
    pub fn user(&self, user: &User) -> Result<(), Denied> {
        let account = user.account();
        let caller = Caller::User {
            account,
            arn: &user.arn,
        };
        let own = Word::of_user(user, &self.inquiry(caller));
        let api = self.of_api(caller);
        match account == self.account {
            true => own.or(api),
            false => own.and(api),
        }
    }
}

/// What is known of a request: the condition keys that need nobody to be known.
pub fn context(exchange: &Exchange<'_>, region: &str, epoch_ms: u64) -> Context {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let peer: IpAddr = exchange.client.peer.ip().to_canonical();
    let mut context = Context::new()
        .with("aws:CurrentTime", iso8601(epoch_ms))
        .with("aws:EpochTime", (epoch_ms / 1_000).to_string())
        .with("aws:RequestedRegion", region)
        .with("aws:SecureTransport", exchange.client.is_tls.to_string())
        .with("aws:SourceIp", peer.to_string());
    for (key, name) in [
        ("aws:Referer", Name::Referer),
        ("aws:UserAgent", Name::UserAgent),
    ] {
        if let Some(value) = head.field(bytes, name) {
            context.add(key, String::from_utf8_lossy(value));
        }
    }
    context
}

/// Adds what is known of who signed.
pub fn describe(context: &mut Context, user: &User) {
    for (key, value) in [
        ("aws:PrincipalAccount", user.account()),
        ("aws:PrincipalArn", &user.arn),
        ("aws:PrincipalType", "User"),
        ("aws:userid", user.id()),
        ("aws:username", user.name()),
    ] {
        context.add(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_aws() {
        use Denied::{Explicitly, Silently};
        use Word::{Allow, Deny, Silence};
        for (own, api, same, other) in [
            (Allow, Allow, Ok(()), Ok(())),
            (Allow, Silence, Ok(()), Err(Silently)),
            (Allow, Deny, Err(Explicitly), Err(Explicitly)),
            (Silence, Allow, Ok(()), Err(Silently)),
            (Silence, Silence, Err(Silently), Err(Silently)),
            (Silence, Deny, Err(Explicitly), Err(Explicitly)),
            (Deny, Allow, Err(Explicitly), Err(Explicitly)),
            (Deny, Silence, Err(Explicitly), Err(Explicitly)),
            (Deny, Deny, Err(Explicitly), Err(Explicitly)),
        ] {
            assert_eq!(own.or(api), same, "{own:?} {api:?}");
            assert_eq!(own.and(api), other, "{own:?} {api:?}");
        }
    }
}
