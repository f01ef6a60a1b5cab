//! Read, change, write back: one transaction for each operation.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::base::id::ResourceIds;
use crate::control::domain::trust::Truststores;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::model::quota::{Quota, Size};
use crate::store::{Change, Expect, Key, Prefix, StoreError, View};

/// A resource: members by the names that operations use, dates as milliseconds since 1970.
pub type Record = Map<String, Value>;

/// Whose resources these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub account: String,
    pub region: String,
}

/// Resources that only their config file can change, seen in every region: by kind and id. They
/// are made when somebody first looks: a reload of thousands of routes does not wait for them.
#[derive(Debug)]
pub struct Fixed(LazyLock<FixedRecords, Box<dyn FnOnce() -> FixedRecords + Send>>);

pub type FixedRecords = BTreeMap<(&'static str, String), Record>;

impl Fixed {
    pub fn new(make: impl FnOnce() -> FixedRecords + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(make)))
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self::new(FixedRecords::new)
    }
}

impl Deref for Fixed {
    type Target = FixedRecords;

    fn deref(&self) -> &FixedRecords {
        &self.0
    }
}

/// What an operation works on. All it reads is of one moment, all it writes is kept or nothing.
pub struct Desk<'a> {
    rows: Rows<'a>,
    scope: &'a Scope,
    fixed: &'a Fixed,
    ids: &'a mut ResourceIds,
    now_ms: u64,
    /// AWS's quotas hold.
    is_strict: bool,
    truststores: Option<&'a Truststores>,
    /// What `put_large` wrote, as long as it is not written over.
    large: RefCell<Option<(&'static str, String, Record)>>,
    /// APIs of which something was written.
    touched: BTreeSet<String>,
    /// Those of which more was written than what a deployment has to freeze first.
    touched_live: BTreeSet<String>,
    /// The same of domain names.
    touched_domains: BTreeSet<String>,
    /// Something was written that any API may look at.
    touched_links: bool,
    /// Something of usage plans or keys was written.
    touches_usage: bool,
}

/// Where the records are.
pub enum Rows<'a> {
    Read(&'a View<'a>),
    Write(&'a mut dyn Draft),
}

/// A change of the store, whatever it borrows.
pub trait Draft {
    fn view(&self) -> View<'_>;
    fn put(&mut self, key: &Key, bytes: &[u8]) -> Result<(), StoreError>;
    fn delete(&mut self, key: &Key) -> Result<bool, StoreError>;
    fn delete_all(&mut self, prefix: &Prefix) -> Result<usize, StoreError>;
}

impl Draft for Change<'_> {
    fn view(&self) -> View<'_> {
        Change::view(self)
    }

    fn put(&mut self, key: &Key, bytes: &[u8]) -> Result<(), StoreError> {
        Change::put(self, key, Expect::Any, bytes)
    }

    fn delete(&mut self, key: &Key) -> Result<bool, StoreError> {
        Change::delete(self, key, Expect::Any)
    }

    fn delete_all(&mut self, prefix: &Prefix) -> Result<usize, StoreError> {
        Change::delete_all(self, prefix)
    }
}

impl<'a> Desk<'a> {
    pub fn new(
        rows: Rows<'a>,
        scope: &'a Scope,
        fixed: &'a Fixed,
        ids: &'a mut ResourceIds,
        now_ms: u64,
    ) -> Self {
        Self {
            rows,
            scope,
            fixed,
            ids,
            now_ms,
            is_strict: false,
            truststores: None,
            large: RefCell::default(),
            touched: BTreeSet::new(),
            touched_live: BTreeSet::new(),
            touched_domains: BTreeSet::new(),
            touched_links: false,
            touches_usage: false,
        }
    }

    /// The same desk, on which AWS's quotas hold or not.
    pub fn with_quotas(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// The same desk, with what stands for files in S3.
    pub fn with_truststores(mut self, truststores: &'a Truststores) -> Self {
        self.truststores = Some(truststores);
        self
    }

    pub fn truststores(&self) -> &Truststores {
        static NONE: Truststores = Truststores(BTreeMap::new());
        self.truststores.unwrap_or(&NONE)
    }

    /// Whether there may be one more besides `count` that there are. Counted only where it matters.
    ///
    /// # Errors
    /// AWS's `LimitExceededException`.
    pub fn admit(&self, quota: &Quota, count: impl FnOnce() -> Outcome<usize>) -> Outcome<()> {
        if self.is_strict && count()? >= quota.max {
            return Err(Error::limit_exceeded(quota.reached()));
        }
        Ok(())
    }

    /// Whether there may be so many.
    pub fn fits_count(&self, quota: &Quota, count: usize) -> Outcome<()> {
        if self.is_strict && count > quota.max {
            return Err(Error::limit_exceeded(quota.reached()));
        }
        Ok(())
    }

    /// Whether something of this size is not too large.
    pub fn fits(&self, size: &Size, length: usize) -> Outcome<()> {
        if self.is_strict && length > size.max {
            return Err(Error::bad_request(size.exceeded()));
        }
        Ok(())
    }

    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    pub fn scope(&self) -> &'a Scope {
        self.scope
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> Value {
        self.now_ms.into()
    }

    /// As `now`, to reckon with.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A new id of so many small letters and digits.
    pub fn new_id(&mut self, length: usize) -> String {
        self.ids.next(length)
    }

    /// Whether something was written that API keys and their plans depend on.
    pub fn touches_usage(&self) -> bool {
        self.touches_usage
    }

    pub fn touched(&self) -> &BTreeSet<String> {
        &self.touched
    }

    /// Whether what was written of an API may be seen by its callers.
    pub fn is_live(&self, api: &str) -> bool {
        self.touched_live.contains(api)
    }

    pub fn touched_domains(&self) -> &BTreeSet<String> {
        &self.touched_domains
    }

    /// Whether VPC links changed.
    pub fn touched_links(&self) -> bool {
        self.touched_links
    }

    pub fn get(&self, kind: &'static str, id: &str) -> Outcome<Option<Record>> {
        let key = self.key(kind, id);
        match self.view().get(&key)? {
            Some(entry) => read(&entry.bytes).map(Some),
            None => Ok(self.fixed.get(&(kind, id.to_owned())).cloned()),
        }
    }

    /// How many records of a kind have an id that begins with `below`.
    pub fn count(&self, kind: &'static str, below: &str) -> Outcome<usize> {
        self.list(kind, below).map(|all| all.len())
    }

    /// All records of a kind whose id begins with `below`, in the order of their ids.
    pub fn list(&self, kind: &'static str, below: &str) -> Outcome<Vec<(String, Record)>> {
        let Scope { account, region } = self.scope;
        let prefix = Prefix::id(account, region, kind, below);
        let page = self.view().list(&prefix, None, usize::MAX)?;
        let mut found = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            found.push((entry.key.id, read(&entry.bytes)?));
        }
        let first = (kind, below.to_owned());
        let fixed = self.fixed.range(first..);
        for ((_, id), record) in
            fixed.take_while(|((other, id), _)| *other == kind && id.starts_with(below))
        {
            if let Err(at) = found.binary_search_by(|(other, _)| other.cmp(id)) {
                found.insert(at, (id.clone(), record.clone()));
            }
        }
        Ok(found)
    }

    /// Writes a record whole, whether there was one or not.
    pub fn put(&mut self, kind: &'static str, id: &str, record: &Record) -> Outcome<()> {
        let key = self.key(kind, id);
        let bytes = written(record)
            .map_err(|error| Error::internal(format!("a record cannot be written: {error}")))?;
        self.change(kind, id)?.put(&key, &bytes)?;
        Ok(())
    }

    /// Writes a large record that is to be looked at once more, by `take`.
    pub fn put_large(&mut self, kind: &'static str, id: &str, record: Record) -> Outcome<()> {
        self.put(kind, id, &record)?;
        *self.large.borrow_mut() = Some((kind, id.to_owned(), record));
        Ok(())
    }

    /// As `get`; spares reading what `put_large` has just written.
    pub fn take(&self, kind: &'static str, id: &str) -> Outcome<Option<Record>> {
        let mut large = self.large.borrow_mut();
        if large
            .as_ref()
            .is_some_and(|(own, at, _)| *own == kind && at == id)
        {
            return Ok(large.take().map(|(_, _, record)| record));
        }
        drop(large);
        self.get(kind, id)
    }

    /// Says whether there was such a record.
    pub fn delete(&mut self, kind: &'static str, id: &str) -> Outcome<bool> {
        let key = self.key(kind, id);
        Ok(self.change(kind, id)?.delete(&key)?)
    }

    /// Deletes all of a kind whose ids begin with `below`.
    pub fn delete_all(&mut self, kind: &'static str, below: &str) -> Outcome<usize> {
        let Scope { account, region } = self.scope;
        let prefix = Prefix::id(account, region, kind, below);
        Ok(self.change(kind, below)?.delete_all(&prefix)?)
    }

    /// Deletes an API with all that belongs to it.
    pub fn delete_api(&mut self, kind: &'static str, id: &str) -> Outcome<()> {
        self.delete(kind, id)?;
        for below in kind::BELOW_API {
            self.delete_all(below, &format!("{id}/"))?;
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        match &self.rows {
            Rows::Read(view) => **view,
            Rows::Write(change) => change.view(),
        }
    }

    fn key(&self, kind: &str, id: &str) -> Key {
        let Scope { account, region } = self.scope;
        Key::new(account, region, kind, id)
    }

    /// The right to write a record.
    fn change(&mut self, kind: &'static str, id: &str) -> Outcome<&mut dyn Draft> {
        let api = id.split('/').next().unwrap_or_default();
        if self.fixed.contains_key(&(kind::API, api.to_owned())) {
            return Err(Error::conflict(format!(
                "{api} is defined in the config file of the gateway and can only be changed there"
            )));
        }
        self.large
            .get_mut()
            .take_if(|(own, at, _)| *own == kind && at.starts_with(id));
        self.touches_usage |= kind::OF_USAGE.contains(&kind);
        if kind == kind::API || kind == kind::REST_API || kind::BELOW_API.contains(&kind) {
            self.touched.insert(api.to_owned());
            if !kind::DRAFT.contains(&kind) {
                self.touched_live.insert(api.to_owned());
            }
        }
        if kind == kind::DOMAIN_NAME || kind::BELOW_DOMAIN.contains(&kind) {
            self.touched_domains.insert(api.to_owned());
        }
        self.touched_links |= kind == kind::VPC_LINK || kind == kind::VPC_LINK_V2;
        match &mut self.rows {
            Rows::Write(change) => Ok(&mut **change),
            Rows::Read(_) => Err(Error::internal(
                "an operation that only reads wanted to write",
            )),
        }
    }
}

/// Every record says in which format it is, as `store::record` has it.
const FORMAT: &str = "@format";
const FORMAT_NOW: u64 = 1;

/// The record with its format before it.
fn written(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut bytes = format!("{{\"{FORMAT}\":{FORMAT_NOW}").into_bytes();
    for (name, value) in record {
        bytes.push(b',');
        serde_json::to_writer(&mut bytes, name)?;
        bytes.push(b':');
        serde_json::to_writer(&mut bytes, value)?;
    }
    bytes.push(b'}');
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Outcome<Record> {
    let mut record: Record = serde_json::from_slice(bytes)
        .map_err(|error| Error::internal(format!("a record cannot be read: {error}")))?;
    match record
        .shift_remove(FORMAT)
        .and_then(|format| format.as_u64())
    {
        Some(format) if format > FORMAT_NOW => Err(Error::internal(format!(
            "a record has format {format}; start a newer version of daemun"
        ))),
        _ => Ok(record),
    }
}

/// The text of a member of a record; none is empty.
pub fn text<'r>(record: &'r Record, key: &str) -> &'r str {
    record.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Changes the object of this name inside of a record, made where there is none.
pub fn within<T>(
    record: &mut Record,
    name: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    let slot = record.entry(name).or_insert(Value::Null);
    let mut object = match slot.take() {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    let outcome = change(&mut object);
    *slot = Value::Object(object);
    outcome
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::conflict(
                "Unable to complete operation due to concurrent modification. Please try again later.",
            ),
            other => Self::unavailable(other.to_string()),
        }
    }
}
