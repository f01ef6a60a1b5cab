//! The small languages a user's API may contain: parsed once, run many times.

pub mod jsonpath;
pub mod logline;
pub mod mapping;
pub mod params;
pub mod pattern;
pub mod policy;
pub mod schema;
pub mod value;
pub mod vtl;
