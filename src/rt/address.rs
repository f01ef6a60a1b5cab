//! Which addresses a host has, at one moment; what cores read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

/// The addresses of all watched names at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    pub(crate) names: HashMap<Box<str>, Arc<[IpAddr]>>,
}

impl AddressBook {
    /// The addresses of a host: IPv4 before IPv6, sorted, each once, at least one. A literal address
    /// (IPv6 with or without brackets) is its own answer. None: not watched or not yet known.
    pub fn lookup(&self, host: &str) -> Option<Addresses<'_>> {
        if let Some(literal) = literal(host) {
            return Some(Addresses::One(literal));
        }
        let found = match self.names.get(host) {
            Some(found) => Some(found),
            // Names are kept in lower case; to get here is rare.
            None => self.names.get(host.to_ascii_lowercase().as_str()),
        };
        found.map(|addresses| Addresses::Many(addresses))
    }
}

/// At least one address; a slice without an allocation for the literal one.
#[derive(Clone, Copy, Debug)]
pub enum Addresses<'a> {
    One(IpAddr),
    Many(&'a [IpAddr]),
}

impl Deref for Addresses<'_> {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        match self {
            Self::One(address) => slice::from_ref(address),
            Self::Many(addresses) => addresses,
        }
    }
}

/// The address that `host` spells out itself.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    inner.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_literals_without_asking() {
        let addresses: Vec<IpAddr> = ["10.0.0.1", "fd00::1"].map(|a| a.parse().unwrap()).into();
        let book = AddressBook {
            names: [("a.test".into(), Arc::from(addresses))].into(),
        };
        let check = |host: &str, expected: &str| {
            let found = book.lookup(host);
            let found = found.map_or("none".to_owned(), |found| format!("{:?}", &*found));
            assert_eq!(found, expected, "{host}");
        };
        check("a.test", "[10.0.0.1, fd00::1]");
        check("A.Test", "[10.0.0.1, fd00::1]");
        check("b.test", "none");
        check("", "none");
        check("10.9.9.9", "[10.9.9.9]");
        check("::1", "[::1]");
        check("[::1]", "[::1]");
        check("[::1", "none");
    }
}
