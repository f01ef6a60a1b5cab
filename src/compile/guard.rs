//! Who may call a route.

use std::collections::HashMap;
use std::sync::Arc;

use crate::aws::arn::partition_of;
use crate::compile::function;
use crate::compile::group::Groups;
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::target::Needs;
use crate::lang::mapping::{Expression, Side};
use crate::lang::params::Source;
use crate::lang::pattern::Bounded;
use crate::lang::policy::{self, Policy};
use crate::model::v2::{self, Api, Authorization, AuthorizerKind, EventFormat, RouteKey, Stage};
use crate::plan::function::SourceArn;
use crate::plan::guard::{Authorizer, Guard, Kind, Lock, Sources};
use crate::plan::{FunctionTarget, Target};

/// The guards of the routes of one stage. Most share one policy, which is read once.
#[derive(Default)]
pub(in crate::compile) struct Guards<'a> {
    policies: HashMap<&'a str, Option<Arc<Policy>>>,
}

/// Whose guard is made.
#[derive(Clone, Copy)]
pub(in crate::compile) struct Of<'a> {
    pub api: &'a Api,
    pub stage: &'a Stage,
    pub key: &'a RouteKey,
}

impl<'a> Guards<'a> {
    /// The guard of a route, and what its authorizer needs; none if something is wrong with it,
    /// which is then said.
    pub fn guard(
        &mut self,
        guard: &'a v2::Guard,
        of: Of<'_>,
        groups: &mut Groups<'_>,
        place: &Place<'_>,
        problems: &mut Problems,
    ) -> Option<(Guard, Option<Needs>)> {
        let policy = guard.policy.as_deref();
        let policy = policy.and_then(|text| {
            let read = || match Policy::parse(text, policy::Kind::Resource) {
                Ok(policy) => Some(Arc::new(policy)),
                Err(error) => {
                    let message = format!("the resource policy cannot be read: {error}");
                    problems.push(&place.then("policy"), Fault::new(message));
                    None
                }
            };
            self.policies.entry(text).or_insert_with(read).clone()
        });
        let region = guard.region.as_str();
        let (partition, account) = (partition_of(region), &of.stage.account_id);
        let (api, stage) = (&of.api.id, &of.stage.name);
        let start = format!("arn:{partition}:execute-api:{region}:{account}:{api}/");
        let (lock, needs) = match &guard.authorization {
            Authorization::None => (Lock::Open, None),
            Authorization::Iam => (Lock::Signature, None),
            Authorization::Function(own) => {
                let place = place.then("authorizer");
                let made = authorizer(own, of, &start, groups, &place, problems)?;
                (Lock::Authorizer(Box::new(made.0)), made.1)
            }
        };
        let made = Guard {
            lock,
            policy,
            region: region.into(),
            arn: format!("{start}{stage}/").into(),
        };
        Some((made, needs))
    }
}

fn authorizer(
    own: &v2::Authorizer,
    of: Of<'_>,
    start: &str,
    groups: &mut Groups<'_>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<(Authorizer, Option<Needs>)> {
    let (api, stage) = (of.api, of.stage);
    let made = function::target(&own.call, api, of.key, stage, groups, place, problems)?;
    let Target::Function(target) = made.target else {
        return None;
    };
    // It has just been made, and nobody else has it.
    let mut target = Box::new(Arc::into_inner(target)?);
    if target.source.is_some() {
        // As whom authorizers are called: not for a method.
        target.source = Some(SourceArn {
            before: format!("{start}authorizers/{}", own.id).into(),
            path: None,
        });
    }
    let read = sources(own, stage).and_then(|sources| Ok((sources, validation(own)?)));
    let (sources, validation) = match read {
        Ok(read) => read,
        Err(fault) => {
            problems.push(place, fault);
            return None;
        }
    };
    let made_of = Authorizer {
        id: own.id.as_str().into(),
        scope: scope(own, of, &target).into(),
        kind: match own.kind {
            AuthorizerKind::Token => Kind::Token,
            AuthorizerKind::Request => Kind::Request,
            AuthorizerKind::Simple => Kind::Simple,
        },
        target,
        sources,
        validation,
        ttl_ms: u64::from(own.ttl_s) * 1_000,
    };
    Some((made_of, made.needs))
}

/// Another function, other sources or a flush make decisions that were remembered useless.
fn scope(own: &v2::Authorizer, of: Of<'_>, target: &FunctionTarget) -> String {
    let (api, stage) = (&of.api.id, of.stage);
    let qualifier = target.qualifier.as_deref().unwrap_or_default();
    format!(
        "{api}/{}/{}/{}/{:?}/{}:{qualifier}/{}",
        stage.name,
        own.id,
        stage.authorizer_epoch,
        own.kind,
        target.arn,
        own.sources.join(","),
    )
}

fn validation(own: &v2::Authorizer) -> Result<Option<Bounded>, Fault> {
    let Some(written) = own.validation.as_deref() else {
        return Ok(None);
    };
    let wrong = |error| Fault::new(format!("`{written}` cannot be used: {error}"));
    Bounded::full(written).map(Some).map_err(wrong)
}

fn sources(own: &v2::Authorizer, stage: &Stage) -> Result<Sources, Fault> {
    let wrong = |written: &str| Fault::new(format!("`{written}` is no identity source"));
    if own.call.format == EventFormat::Rest {
        let read = |written: &String| Source::parse(written).ok_or_else(|| wrong(written));
        let all = own.sources.iter().map(read);
        return Ok(Sources::Rest(all.collect::<Result<_, _>>()?));
    }
    let read = |written: &String| {
        let read = Expression::parse(written, Side::Request).map_err(|_| wrong(written))?;
        Ok(read.settled(|name| stage.variables.get(name).map(String::as_str)))
    };
    let all = own.sources.iter().map(read);
    Ok(Sources::Http(all.collect::<Result<_, Fault>>()?))
}
