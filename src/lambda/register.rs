//! Which functions there are, under which names, and whom they let in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::lambda::function::VERSION_LATEST;
use crate::lambda::lane::Lane;
use crate::lambda::outcome::{Invocation, InvokeError};
use crate::lambda::permit::{Permit, Source};

/// All functions by ARN, without a qualifier.
#[derive(Debug, Default)]
pub struct Register {
    pub entries: HashMap<String, Entry>,
}

#[derive(Debug, Default)]
pub struct Entry {
    pub versions: BTreeMap<String, Arc<Lane>>,
    pub aliases: HashMap<String, String>,
    pub permits: Vec<Permit>,
    pub is_configured: bool,
}

impl Entry {
    /// Whoever writes the config file has its functions called by its APIs.
    fn lets_in(&self, qualifier: Option<&str>, source: &Source) -> bool {
        let mut permits = self.permits.iter();
        self.is_configured || permits.any(|permit| permit.allows(qualifier, source))
    }
}

impl Register {
    /// Whether the function of this ARN is one of the config file.
    pub fn is_configured(&self, arn: &str) -> bool {
        let entry = self.entries.get(arn);
        entry.is_some_and(|entry| entry.is_configured)
    }

    /// The version that is to be run.
    ///
    /// # Errors
    /// There is none, or it lets nobody in who asks for it like this.
    pub fn find(&self, invocation: &Invocation) -> Result<Arc<Lane>, InvokeError> {
        let missing = || InvokeError::NotFound(invocation.named());
        let named = self.entries.get(&*invocation.function);
        let entry = named.or_else(|| {
            // One of the config file may be named by the ARN that it has elsewhere.
            let (_, name) = invocation.function.rsplit_once(':')?;
            let entries = self.entries.iter();
            let mut configured = entries.filter(|(_, entry)| entry.is_configured);
            let same = |arn: &str| arn.rsplit_once(':').is_some_and(|(_, own)| own == name);
            configured
                .find(|(arn, _)| same(arn))
                .map(|(_, entry)| entry)
        });
        let entry = entry.ok_or_else(missing)?;
        let qualifier = invocation.qualifier.as_deref();
        if let Some(source) = &invocation.source
            && !entry.lets_in(qualifier, source)
        {
            return Err(InvokeError::Forbidden);
        }
        let qualifier = qualifier.unwrap_or(VERSION_LATEST);
        let version = entry
            .aliases
            .get(qualifier)
            .map_or(qualifier, String::as_str);
        entry.versions.get(version).cloned().ok_or_else(missing)
    }
}
