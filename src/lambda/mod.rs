//! Functions that run on this machine, as AWS Lambda would run them.
//!
//! ```text
//! core ─ Caller ─┐  ┌───── Lane ─────┐  a seat
//! core ─ Caller ─┼─▶│ queue  ∣  idle │◀──────── worker process (python, node, bootstrap)
//! management API ┘  └────────────────┘                ▲
//!    ▲                      ▲ starts, watches, ends   │ whoever has the turn speaks with it:
//!    │               functions thread ────────────────┤ the core that asked, most often, on its
//!    └────────────────────────────────────────────────┘ own event loop
//! ```
//!
//! Each version of a function has one lane that all threads see, so that callers of all cores are
//! served in the order in which they came. A worker asks for work over Lambda's Runtime API on
//! loopback; while it waits, its connection is a seat that anybody with a job may take. So a call of a
//! warm function wakes no thread but the worker's: the core that has the request writes the event to
//! the seat, reads the answer, and takes the next job of the queue to the same seat.
//!
//! One thread has all else of all functions: it starts processes, watches deadlines, reads what is
//! printed, notices changes, and serves with a whole HTTP server what a runtime says in unusual
//! ways. Whatever it cannot decide at once a core asks it over `rt::bridge`.
//!
//! `functions` is the way in, `register` who is there; `lane` has queue and seats of one function,
//! `desk` what one worker does, `seat` the conversation with it, `phrase` its words, `link` its connection
//! in either event loop. On the thread of the functions `pool` has the workers of one function, `worker`
//! the life of one process, `runtime_api` the HTTP server, `process` and `keeper` how a process starts
//! and how it surely ends, `code` where its files are, `runtime` which program runs them, `stream` an
//! answer that is read while it is made.

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

pub use function::{Code, Function, Runtime, RuntimeKind, VERSION_LATEST};
pub use functions::{Caller, Functions, Settings};
pub use outcome::{Invocation, InvokeError, Mode, Outcome, Returned};
pub use permit::{Permit, Source};
pub use runtime::{in_path, is_program};
pub use stream::{Ending, Piece, StreamFault, Streamed};
pub use zip::check as check_archive;
