//! What holds for the clients of some names only: versions and certificates of their own.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::rt::tls::accept::{Offer, Version};
use crate::rt::tls::error::Error;

/// What clients have to bring that ask for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A host name or `*.example.com`, in lower case; the star stands for any number of labels.
    pub name: Arc<str>,
    /// The oldest protocol, unless the listener's own is newer.
    pub minimum: Version,
    /// Certificates in PEM: a client must show one that one of these signed. None: as the
    /// listener has it.
    pub truststore: Option<Arc<str>>,
}

/// The terms of all names, those without any of their own too: they are no wildcard's.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashMap<Arc<str>, Arc<Own>>,
    /// By `.suffix`.
    wildcard: HashMap<Box<str>, Arc<Own>>,
}

/// A name and what is offered to who asks for it.
#[derive(Debug)]
pub(super) struct Own {
    pub terms: Terms,
    /// None: what the listener offers to all.
    pub config: Option<Arc<ServerConfig>>,
}

impl Names {
    /// None if nobody has terms of its own. Those of `before` are used again where nothing
    /// changed, so that their sessions can be resumed.
    pub fn new(
        terms: &[Terms],
        offer: &Offer,
        before: Option<&Self>,
    ) -> (Option<Self>, Vec<Error>) {
        let (mut names, mut problems) = (Self::default(), Vec::new());
        for terms in terms {
            let known = before.and_then(|before| before.known(&terms.name));
            let own = match known.filter(|known| known.terms == *terms) {
                Some(known) => Arc::clone(known),
                None => {
                    let config = offer.config_for(terms).unwrap_or_else(|error| {
                        problems.push(error);
                        None
                    });
                    let terms = terms.clone();
                    Arc::new(Own { terms, config })
                }
            };
            match terms.name.strip_prefix('*') {
                Some(suffix) => names.wildcard.insert(suffix.into(), own),
                None => names.exact.insert(Arc::clone(&terms.name), own),
            };
        }
        let mut all = names.exact.values().chain(names.wildcard.values());
        let is_special = all.any(|own| own.config.is_some());
        (is_special.then_some(names), problems)
    }

    fn known(&self, name: &str) -> Option<&Arc<Own>> {
        match name.strip_prefix('*') {
            Some(suffix) => self.wildcard.get(suffix),
            None => self.exact.get(name),
        }
    }

    /// As requests find their domain: the name itself, else the longest suffix.
    pub fn find(&self, name: &str) -> Option<&Arc<Own>> {
        let name = name.to_ascii_lowercase();
        self.exact.get(name.as_str()).or_else(|| {
            let dots = name.match_indices('.').filter(|(dot, _)| *dot > 0);
            let mut suffixes = dots.map(|(dot, _)| &name[dot..]);
            suffixes.find_map(|suffix| self.wildcard.get(suffix))
        })
    }
}
