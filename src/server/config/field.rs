//! What one line of the field table says: name, kind, default and meaning.

use crate::server::config::problem::Fault;

/// A table of the file: `[limits]`, one upstream, one integration.
#[derive(Debug)]
pub struct Section {
    /// How messages name it: `an upstream`.
    pub title: &'static str,
    /// One sentence for the example file and the manual.
    pub doc: &'static str,
    pub fields: &'static [Field],
}

impl Section {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One key that a table may hold.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    /// One or two sentences: what it does, which unit.
    pub doc: &'static str,
}

/// What stands when the key is not written.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// This value.
    Is(Plain<'static>),
    /// Nothing; the text is an example in TOML.
    Absent(&'static str),
    /// The key must be written; the text is an example in TOML.
    Required(&'static str),
}

/// A value as a file would hold it, before its kind gives it a meaning.
#[derive(Clone, Copy, Debug)]
pub enum Plain<'a> {
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Flag(bool),
    EmptyList,
    EmptyTable,
}

/// Looks at a text or a key; the fault says what is wrong with it.
pub type Check = fn(&str) -> Result<(), Fault>;

/// What may stand to the right of a key.
#[derive(Debug)]
pub enum Kind {
    Flag,
    /// Whole numbers from `min` to `max`.
    Integer {
        min: i64,
        max: i64,
    },
    /// Finite numbers from 0 to `max`.
    Number {
        max: f64,
    },
    /// Written `"30s"`; milliseconds inside.
    Duration {
        min_ms: u32,
        max_ms: u32,
    },
    /// Written `"16KiB"` or as an integer of bytes.
    Size {
        min: u64,
        max: u64,
    },
    Text(Check),
    /// A path; relative ones start at the folder of the config file.
    File,
    /// IPv4 or IPv6 address with a port.
    Address,
    Choice(&'static [&'static str]),
    /// A word that switches the thing off or leaves it to us, or else the kind.
    Or(&'static str, &'static Kind),
    List(&'static Kind),
    /// Names of the user's choice, each with a value of one kind.
    Map {
        key: Check,
        of: &'static Kind,
        /// A name for the example file.
        sample: &'static str,
    },
    Table(&'static Section),
    /// A table, or only the text of its field of this name.
    Short(&'static str, &'static Section),
    /// A table whose key of the first name says which section it is.
    Tagged(&'static str, &'static [(&'static str, &'static Section)]),
}

/// The largest size that can be written: 1 PiB.
pub const SIZE_MAX: u64 = 1 << 50;
/// The longest duration that can be written: 24 hours.
const DURATION_MS_MAX: u32 = 24 * 3_600_000;

/// A duration of at least a millisecond.
pub const DURATION: Kind = duration(1);

/// A duration of at least so much.
pub const fn duration(min_ms: u32) -> Kind {
    Kind::Duration {
        min_ms,
        max_ms: DURATION_MS_MAX,
    }
}

/// A line of a field table.
pub const fn field(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Field {
    Field {
        name,
        kind,
        default,
        doc,
    }
}
