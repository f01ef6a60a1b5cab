//! One verb: let a caller in, or refuse it as its API does. Who it is, is known from then on.
//!
//! `iam` finds out who has signed, `callers` are those who can; `authorizer` asks a function, `said`
//! is what it said, `memory` remembers that; `decide` asks the policies, `asked` is a request as
//! signatures and policies see it, and `unproven` bounds the bodies that are read for a signature.

pub mod asked;
mod authorizer;
pub mod callers;
mod decide;
mod iam;
mod memory;
mod said;
pub mod unproven;

pub use callers::{Callers, Standing, User};
pub use iam::SERVICE;
pub use memory::Memory;
pub use said::Said;

use crate::gateway::auth::decide::{Denied, INVALIDATE, INVOKE, Question, Word};
use crate::gateway::{Call, Reject, Stop, Worker, cache};
use crate::lang::policy::{Caller, Context};
use crate::net::Exchange;
use crate::plan::guard::{Authorizer, Guard, Lock};
use crate::plan::stage::StageKind;
use crate::plan::{Route, Stage, UncheckedTarget};

/// AWS: "414 … the method ARN is longer than 1600 bytes", where callers are checked.
const ARN_BYTES_MAX: usize = 1_600;

/// Whether the caller of a guarded route may.
///
/// # Errors
/// It may not, or has not shown who it is.
pub async fn admit(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    (stage, route, guard): (&Stage, &Route, &Guard),
) -> Result<(), Stop> {
    let behind = asked::resource(stage, call.base, exchange);
    let arn = format!("{}{behind}", guard.arn);
    if arn.len() > ARN_BYTES_MAX && stage.kind == StageKind::Rest {
        return Err(Reject::UriTooLong.into());
    }
    match &guard.lock {
        Lock::Open => {}
        Lock::Signature => {
            let vouched = call.vouched.take();
            call.user = Some(match vouched.filter(|user| user.region == guard.region) {
                Some(user) => user,
                None => {
                    let user = iam::authenticate(worker, call, exchange, (route, guard));
                    Box::new(user.await?)
                }
            });
        }
        Lock::Authorizer(own) => {
            let context = decide::context(exchange, &guard.region, call.epoch_ms);
            return authorize(
                worker,
                call,
                exchange,
                (stage, guard, own),
                (&arn, &context),
            )
            .await;
        }
    }
    let mut context = decide::context(exchange, &guard.region, call.epoch_ms);
    if let Some(user) = &call.user {
        decide::describe(&mut context, user);
    }
    let mut question = Question {
        action: INVOKE,
        arn: &arn,
        account: &stage.account_id,
        policy: guard.policy.as_deref(),
        context: &context,
    };
    let decided = match (&guard.lock, &call.user) {
        (Lock::Signature, Some(user)) => question.user(user),
        _ => question.anonymous(),
    };
    if let Err(denied) = decided {
        return Err(refuse(call, &arn, denied).into());
    }
    question.action = INVALIDATE;
    call.may_invalidate = match &call.user {
        Some(user) if cache::is_to_invalidate(route, exchange) => question.user(user).is_ok(),
        _ => false,
    };
    if let Some(user) = &mut call.user {
        user.context = context;
    }
    Ok(())
}

/// Whether the caller may, by what an authorizer says. "API Gateway evaluates the resource policy …
/// for an explicit denial" before that is asked.
async fn authorize(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    (stage, guard, own): (&Stage, &Guard, &Authorizer),
    (arn, context): (&str, &Context),
) -> Result<(), Stop> {
    let question = Question {
        action: INVOKE,
        arn,
        account: &stage.account_id,
        policy: guard.policy.as_deref(),
        context,
    };
    let of_api = question.of_api(Caller::Anonymous);
    let decided = match of_api {
        Word::Deny => Err(Denied::Explicitly),
        of_api => {
            let said = authorizer::authorize(worker, call, exchange, (own, arn)).await?;
            let word = question.said(&said);
            call.authorized = Some(said);
            word.or(of_api)
        }
    };
    decided.map_err(|denied| {
        if denied == Denied::Explicitly {
            call.said = Some(DENIED.into());
        }
        Reject::AccessDenied.into()
    })
}

const DENIED: &str = "User is not authorized to access this resource with an explicit deny";

/// Whether whoever has signed a call may do something else, by its own policy: to what is its own
/// account's, since nothing here has a policy that could let other accounts in.
pub fn may(user: &User, action: &str, resource: &str) -> bool {
    let question = Question {
        action,
        arn: resource,
        account: resource.split(':').nth(4).unwrap_or_default(),
        policy: None,
        context: &user.context,
    };
    question.user(user).is_ok()
}

/// Nobody is let in where callers cannot be checked. Why is the API's own business.
#[cold]
pub fn unchecked(call: &mut Call<'_>, target: &UncheckedTarget) -> Reject {
    call.authorizer_error = Some(target.why.clone());
    match target.status {
        403 => Reject::AccessDenied,
        _ => Reject::AuthorizerConfigurationError,
    }
}

/// AWS's words for whom a policy keeps out: of the account of the API it shows four digits.
fn refuse(call: &mut Call<'_>, arn: &str, denied: Denied) -> Reject {
    let user = call.user.as_ref().map_or("anonymous", |user| &user.arn);
    let explicit = match denied {
        Denied::Explicitly => " with an explicit deny",
        Denied::Silently => "",
    };
    let message = format!(
        "User: {user} is not authorized to perform: {INVOKE} on resource: {}{explicit}",
        masked(arn)
    );
    call.authorizer_error = Some(message.as_str().into());
    call.said = Some(message.into());
    Reject::AccessDenied
}

/// An ARN without most of its account.
fn masked(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    if let Some(account) = parts.get_mut(4) {
        let shown = account.get(account.len().saturating_sub(4)..);
        *account = format!("********{}", shown.unwrap_or_default());
    }
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_shows_four_digits_of_its_account() {
        for (arn, expected) in [
            (
                "arn:aws:execute-api:eu-west-1:111122223333:a/s/GET/x:y",
                "arn:aws:execute-api:eu-west-1:********3333:a/s/GET/x:y",
            ),
            (
                "arn:aws:execute-api:r:1:a",
                "arn:aws:execute-api:r:********1:a",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masked(arn), expected);
        }
    }
}
