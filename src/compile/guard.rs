//! Who may call a route.

use std::collections::HashMap;
use std::sync::Arc;

use crate::aws::arn::partition_of;
use crate::compile::problem::{Fault, Place, Problems};
use crate::lang::policy::{Kind, Policy};
use crate::model::v2::{self, Api, Authorization, Stage};
use crate::plan::guard::{Guard, Lock};

/// The guards of the routes of one stage. Most share one policy, which is read once.
#[derive(Default)]
pub(in crate::compile) struct Guards<'a> {
    policies: HashMap<&'a str, Option<Arc<Policy>>>,
}

impl<'a> Guards<'a> {
    /// The guard of a route; what is wrong with it is said.
    pub fn guard(
        &mut self,
        guard: &'a v2::Guard,
        (api, stage): (&Api, &Stage),
        place: &Place<'_>,
        problems: &mut Problems,
    ) -> Guard {
        let policy = guard.policy.as_deref();
        let policy = policy.and_then(|text| {
            let read = || match Policy::parse(text, Kind::Resource) {
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
        let (partition, account) = (partition_of(region), &stage.account_id);
        let (api, stage) = (&api.id, &stage.name);
        Guard {
            lock: match guard.authorization {
                Authorization::None => Lock::Open,
                Authorization::Iam => Lock::Signature,
            },
            policy,
            region: region.into(),
            arn: format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/").into(),
        }
    }
}
