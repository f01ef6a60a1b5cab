//! Cores, sockets, TLS, timers; the only room that knows monoio.
//!
//! A `Core` is one pinned thread with its own event loop. Its shape was chosen by measurement:
//! monoio gives tasks and readiness, plain `recv` and `sendmsg` move the bytes through buffers
//! that stay hot, and nothing on a core blocks or locks. All IO futures of this room wait for
//! readiness only, so dropping one loses no data.

pub mod address;
pub mod arrange;
pub mod bridge;
pub mod core;
pub mod deadline;
pub mod dns;
pub mod driver;
pub mod errand;
pub mod handoff;
pub mod inherit;
pub mod mailbox;
pub mod pipe;
pub mod poller;
pub mod pooled;
pub mod ready;
mod resolve;
pub mod signal;
pub mod socket;
pub mod stream;
pub mod supervisor;
pub mod sys;
pub mod task;
pub mod tls;

pub use crate::rt::core::Core;
pub use deadline::Deadline;
pub use driver::Driver;
pub use mailbox::{Inbox, Letters, Mailbox, mailbox};
pub use pipe::{Piped, Pipes};
pub use pooled::FuturePool;
pub use ready::Ready;
pub use stream::Stream;
