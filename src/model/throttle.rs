//! Rate and burst as AWS writes them.

/// `rate_limit` tokens a second, at most `burst_limit` saved up; either may be 0, which refuses all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    pub rate_limit: f64,
    pub burst_limit: u32,
}
