//! One verb: let a caller in, or refuse it as its API does. Who it is, is known from then on.
//!
//! `iam` finds out who has signed, `callers` are those who can, `decide` asks the policies, `asked`
//! is a request as signatures and policies see it.

pub mod asked;
pub mod callers;
mod decide;
mod iam;

pub use callers::{Callers, Standing, User};
pub use iam::SERVICE;

use crate::gateway::auth::decide::{Denied, INVALIDATE, INVOKE, Question};
use crate::gateway::{Call, Reject, Stop, Worker, cache};
use crate::net::Exchange;
use crate::plan::guard::{Guard, Lock};
use crate::plan::stage::StageKind;
use crate::plan::{Route, Stage};

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
    match guard.lock {
        Lock::Open => {}
        // Whoever has a call explained has signed that wish, not the call.
        Lock::Signature if call.user.is_some() => {}
        Lock::Signature => {
            let user = iam::authenticate(worker, call, exchange, (route, guard)).await?;
            call.user = Some(Box::new(user));
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
    Ok(())
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
