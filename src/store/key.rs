//! Where a record lives: account, region, kind and id, in this order.

use std::fmt;

/// The name of one record. Keys are ordered by account, then region, kind and id, each by its
/// UTF-8 bytes.
///
/// An id may have levels (`a1b2c3/resource/x9y8z7`): a `Prefix` then lists what belongs together.
/// What belongs to no account or region (a host name that only one account may claim) has empty
/// texts there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub account: String,
    pub region: String,
    pub kind: String,
    pub id: String,
}

impl Key {
    pub fn new(
        account: impl Into<String>,
        region: impl Into<String>,
        kind: impl Into<String>,
        id: impl Into<String>,
    ) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            kind: kind.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            kind,
            id,
        } = self;
        write!(f, "{account}/{region}/{kind}/{id}")
    }
}

/// A run of neighbouring keys: all records, those of an account, of a region, of a kind, or those
/// whose id begins with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The smallest key that may belong.
    first: Key,
    depth: Depth,
}

/// How many parts of `first` have to be equal. The id has only to begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Everything,
    Account,
    Region,
    Id,
}

impl Prefix {
    pub fn everything() -> Self {
        Self::at(Depth::Everything, "", "", "", "")
    }

    pub fn account(account: &str) -> Self {
        Self::at(Depth::Account, account, "", "", "")
    }

    pub fn region(account: &str, region: &str) -> Self {
        Self::at(Depth::Region, account, region, "", "")
    }

    pub fn kind(account: &str, region: &str, kind: &str) -> Self {
        Self::at(Depth::Id, account, region, kind, "")
    }

    /// Records of one kind whose id begins with `id`. Write the separator too: `a1/` does not
    /// match `a10/x`.
    pub fn id(account: &str, region: &str, kind: &str, id: &str) -> Self {
        Self::at(Depth::Id, account, region, kind, id)
    }

    fn at(depth: Depth, account: &str, region: &str, kind: &str, id: &str) -> Self {
        Self {
            first: Key::new(account, region, kind, id),
            depth,
        }
    }

    /// Where to begin: every key that belongs is this one or later, and the keys that belong are
    /// neighbours.
    pub(crate) fn first(&self) -> &Key {
        &self.first
    }

    pub fn contains(&self, key: &Key) -> bool {
        let Self { first, depth } = self;
        let account = || key.account == first.account;
        let region = || account() && key.region == first.region;
        match depth {
            Depth::Everything => true,
            Depth::Account => account(),
            Depth::Region => region(),
            Depth::Id => region() && key.kind == first.kind && key.id.starts_with(&first.id),
        }
    }
}
