//! The data plane: runs a plan, never sees a model.

pub mod access_log;
pub mod answer;
mod api_key;
pub mod asked;
mod cache;
pub mod call;
mod canary;
mod compress;
pub mod context;
mod cors;
pub mod credentials;
pub mod headers;
pub mod http;
mod identify;
pub mod integrate;
mod mapping;
pub mod published;
pub mod refuse;
pub mod reject;
pub mod respond;
pub mod rest;
pub mod serve;
pub mod throttle;
pub mod transform;
pub mod usage;
pub mod validate;
mod variable;
pub mod worker;

pub use answer::{Answer, Headers};
pub use call::Call;
pub use published::Published;
pub use reject::{Reject, Stop};
pub use serve::{Command, serve};
pub use usage::{Meter, Usage};
pub use worker::{Shared, Worker};
