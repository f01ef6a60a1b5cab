//! Everybody whose signature counts: the access keys of the configuration, with their policies.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::aws::{AccessKey, AccessKeys, SessionKeys};
use crate::gateway::auth::decide;
use crate::lang::policy::{Context, Policy};

/// Read by all cores and never changed: another configuration makes others.
#[derive(Debug, Default)]
pub struct Callers {
    pub keys: AccessKeys,
    /// By the id of the key.
    people: HashMap<String, Person>,
    /// Whose the APIs of the config file are.
    pub account: String,
    /// Their region.
    pub region: String,
    /// Whether they may have calls explained.
    pub may_explain: bool,
    has_told: AtomicBool,
}

/// Who has a key.
#[derive(Debug)]
pub struct Person {
    pub key: AccessKey,
    /// The key once more, to sign with.
    pub keys: Arc<SessionKeys>,
    pub standing: Standing,
}

/// What a person may do by itself.
#[derive(Debug)]
pub enum Standing {
    Everything,
    Policy(Arc<Policy>),
    /// The policy that its key names is not there.
    Nothing,
}

impl Callers {
    /// `policies` by the names that the keys have for them.
    pub fn new(
        keys: AccessKeys,
        policies: &HashMap<String, Arc<Policy>>,
        (account, region): (String, String),
        may_explain: bool,
    ) -> Self {
        let people = keys.iter().map(|key| {
            let standing = match &key.policy {
                None => Standing::Everything,
                Some(name) => match policies.get(name) {
                    Some(policy) => Standing::Policy(Arc::clone(policy)),
                    None => Standing::Nothing,
                },
            };
            let person = Person {
                key: key.clone(),
                keys: Arc::new(SessionKeys {
                    access_key_id: key.id.clone(),
                    secret: key.secret.clone(),
                    session_token: key.session_token.clone(),
                    expires_s: key.expires_s,
                }),
                standing,
            };
            (key.id.clone(), person)
        });
        Self {
            people: people.collect(),
            keys,
            account,
            region,
            may_explain,
            has_told: AtomicBool::new(false),
        }
    }

    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.get(id)
    }

    /// Says once that calls are refused because nobody has a key.
    #[cold]
    pub(super) fn tell_of_lack(&self) {
        if self.keys.is_empty() && !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a call with the authorization AWS_IAM was refused, as all will be: the config has \
                 no access key to check signatures with; add [management.keys.AKIA…]"
            );
        }
    }
}

/// Somebody who has signed a call.
#[derive(Clone, Debug)]
pub struct User {
    // The count is the core's own: the inner one is shared by all cores.
    #[allow(clippy::redundant_allocation)]
    callers: Rc<Arc<Callers>>,
    id: Box<str>,
    /// `arn:aws:iam::111122223333:user/alice`
    pub arn: Box<str>,
    /// What policies are told of it and, once it has been let in, of its call.
    pub context: Context,
    /// Where it was seen.
    pub region: Box<str>,
}

impl User {
    /// Whose key has this id, seen from this region; none: nobody's.
    #[allow(clippy::redundant_allocation)]
    pub fn find(callers: &Rc<Arc<Callers>>, id: &str, region: &str) -> Option<Self> {
        let person = callers.person(id)?;
        let mut user = Self {
            callers: Rc::clone(callers),
            id: id.into(),
            arn: person.key.user_arn(region).into(),
            region: region.into(),
            context: Context::new(),
        };
        let mut context = Context::new();
        decide::describe(&mut context, &user);
        user.context = context;
        Some(user)
    }

    /// Of the key. Users have no ids of their own, so it is what AWS calls the caller and the user.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn person(&self) -> Option<&Person> {
        self.callers.person(&self.id)
    }

    pub fn account(&self) -> &str {
        self.person().map_or("", |person| &person.key.account)
    }

    pub fn name(&self) -> &str {
        self.person().map_or("", |person| &person.key.name)
    }

    pub fn standing(&self) -> &Standing {
        self.person()
            .map_or(&Standing::Nothing, |person| &person.standing)
    }

    /// To sign with in the place of the user.
    pub fn keys(&self) -> Option<&Arc<SessionKeys>> {
        self.person().map(|person| &person.keys)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_not_there_allows_nothing() {
        let key = |id: &str, policy: Option<&str>| AccessKey {
            id: id.to_owned(),
            secret: "s".to_owned(),
            session_token: None,
            expires_s: None,
            account: "111122223333".to_owned(),
            name: "alice".to_owned(),
            policy: policy.map(str::to_owned),
        };
        let (one, two) = ("AKIDEXAMPLEEXAMPLE01", "AKIDEXAMPLEEXAMPLE02");
        let keys = AccessKeys::new([key(one, None), key(two, Some("gone"))]).unwrap();
        let callers = Callers::new(keys, &HashMap::new(), <_>::default(), false);
        let callers = Rc::new(Arc::new(callers));
        let user = User::find(&callers, one, "cn-north-1").unwrap();
        assert!(matches!(user.standing(), Standing::Everything));
        assert_eq!(&*user.arn, "arn:aws-cn:iam::111122223333:user/alice");
        assert_eq!(user.keys().unwrap().secret, "s");
        let user = User::find(&callers, two, "eu-west-1").unwrap();
        assert!(matches!(user.standing(), Standing::Nothing));
        assert!(User::find(&callers, "AKIDEXAMPLEEXAMPLE03", "eu-west-1").is_none());
    }
}
