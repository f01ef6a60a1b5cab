//! Functions that run on this machine, as AWS Lambda would run them.
//!
//! ```text
//! core ── Caller ── bridge ─┐                      ┌─ worker process (python, node, bootstrap)
//! core ── Caller ── bridge ─┼─▶ functions thread ──┼─ worker process
//! management API ───────────┘   one tokio runtime  └─ worker process
//! ```
//!
//! One thread has all functions: a queue for each, so that callers of all cores are served in the
//! order in which they came, and a few processes that ask for work over Lambda's Runtime API on
//! loopback. Cores never wait for any of it; they ask over `rt::bridge` and are answered the same
//! way, at the latest when the time is up that the caller gave.
//!
//! `functions` is the way in; `pool` has the queue and the workers of one function, `worker` the
//! life of one process, `runtime_api` what it speaks, `process` and `keeper` how it starts and how
//! it surely ends, `code` where its files are, `runtime` which program runs them, `stream` an answer
//! that is read while it is made.

mod answer;
mod code;
mod commons;
mod desk;
mod function;
mod functions;
mod hall;
mod keeper;
mod lane;
mod link;
mod log;
mod outcome;
mod permit;
mod phrase;
mod pool;
mod process;
mod register;
mod runtime;
mod runtime_api;
mod seat;
mod stream;
mod watch;
mod worker;
mod zip;

pub use function::{Code, Function, Runtime, VERSION_LATEST};
pub use functions::{Caller, Functions, Settings};
pub use outcome::{Invocation, InvokeError, Mode, Outcome, Returned};
pub use permit::{Permit, Source};
pub use runtime::in_path;
pub use stream::{Ending, Piece, StreamFault, Streamed};
pub use zip::check as check_archive;
