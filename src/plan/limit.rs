//! Rates and bursts; the buckets themselves live with the gateway.

/// Index of a limit in `Plan::limits`, stable across plans while its scope and numbers live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u32);

/// A token bucket: `rate` tokens a second, `burst` tokens at most.
///
/// A rate or a burst of 0 refuses every request. Rates may be fractional.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Whose limit it is, for people and for carrying state over a reload:
    /// `account`, `api/stage` or `api/stage/GET /pets`.
    pub scope: Box<str>,
    pub rate: f64,
    pub burst: u32,
}
