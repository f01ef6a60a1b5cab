//! IAM policy documents: who may do what to which resource, and under which conditions.
//!
//! `Policy::parse` checks a document once; `decide` answers one `Inquiry` with all policies that
//! apply. What the answer means (an identity policy and a resource policy together, accounts that
//! differ) is for the caller.

mod condition;
#[cfg(test)]
mod condition_tests;
mod decide;
#[cfg(test)]
mod decide_tests;
mod document;
mod operator;
mod pattern;
mod unique;

pub use decide::{Caller, Context, Decision, Inquiry, decide};
pub use document::{Effect, Kind, Policy, PolicyError, Statement};
