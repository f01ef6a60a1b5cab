//! Methods and stages of REST APIs to what the gateway runs.

mod map;
mod method;
mod schemas;
mod service;
mod stage;
#[cfg(test)]
mod tests;
mod uri;

pub(in crate::compile) use method::method;
pub(in crate::compile) use schemas::Schemas;
pub(in crate::compile) use stage::stage;
