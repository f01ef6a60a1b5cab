//! Custom domain names: one record that both services show, each in its own words.

pub mod mapping;
pub mod record;
pub mod trust;
pub mod zone;
