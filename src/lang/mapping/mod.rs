//! Parameter mapping of HTTP APIs: what is changed (`overwrite:header.x`), and to what value
//! (`$request.querystring.a`, `${request.path.id}-${context.stage}`).
//!
//! Both are parsed once, when an integration is written and when a plan is compiled; values are
//! put in by whoever runs them. Source: "Transform API requests and responses for HTTP APIs in API
//! Gateway" of the developer guide.

mod document;
mod expression;
mod pick;
mod target;

pub use document::{BODY_BYTES_MAX, Document};
pub use expression::{Expression, Piece, Side, Source};
pub use pick::Pick;
pub use target::{Action, Place, Target};

/// One change: where, and to what; the value of a removal says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub target: Target,
    pub value: Expression,
}

impl Mapping {
    /// # Errors
    /// What is wrong with it, in AWS's words where they are known.
    pub fn parse(target: &str, value: &str, side: Side) -> Result<Self, String> {
        let target = Target::parse(target, side)?;
        let value = match target.action {
            // AWS's examples write `''`.
            Action::Remove => Expression::default(),
            _ => Expression::parse(value, side)?,
        };
        Ok(Self { target, value })
    }
}

/// All changes of a table of targets and values, removals first and additions last: a value is
/// always that of the message as it came, so that nothing else depends on the order.
///
/// # Errors
/// The first fault.
pub fn parse_all<'t>(
    table: impl Iterator<Item = (&'t str, &'t str)>,
    side: Side,
) -> Result<Vec<Mapping>, String> {
    let mappings = table.map(|(target, value)| Mapping::parse(target, value, side));
    let mut mappings = mappings.collect::<Result<Vec<Mapping>, String>>()?;
    mappings.sort_by_key(|mapping| mapping.target.action);
    Ok(mappings)
}
