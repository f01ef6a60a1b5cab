//! AWS Signature Version 4: who sent this request, and was it changed on the way?
//!
//! ```text
//! canonical request ─ sha256 ─▶ string to sign ─ hmac under the key of the day ─▶ signature
//! ```
//!
//! A signature travels in the `Authorization` header or, presigned, in the query. `presented`
//! reads it, `verify` judges it, `sign` makes one.

mod canonical;
#[cfg(test)]
mod golden_tests;
mod key;
mod moment;
pub mod presented;
#[cfg(test)]
mod property_tests;
pub mod refusal;
pub mod sign;
pub mod verify;
#[cfg(test)]
mod verify_tests;

pub use canonical::{Payload, Request};
pub use presented::Presented;
pub use refusal::{Family, Refusal};
pub use sign::Signer;
pub use verify::{Claimed, Verified, Wanted, claim, verify};
