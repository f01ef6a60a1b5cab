//! Exchanges: one request and its response, whatever the protocol.
//!
//! `inbound` reads requests and hands each, as an `Exchange`, to a `Handler`; the handler answers
//! it, often through `outbound`. Bodies stream both ways at the same time and are never gathered
//! unless the handler asks.

pub mod body;
pub mod exchange;
pub mod flow;
pub mod forwarded;
pub mod inbound;
pub mod message;
pub mod outbound;
pub mod outgoing;
pub mod settings;

pub use body::{Upload, UploadError};
pub use exchange::{Client, Exchange};
pub use message::{Message, Pools};
pub use outgoing::Outgoing;
pub use settings::{Forwarding, Settings, Timeouts};

/// What serves the requests of a connection. Chosen at compile time: no call through a table.
pub trait Handler {
    /// Answers one request. An `Err` means that the client can be told nothing more: the
    /// connection is closed.
    fn handle(&'static self, exchange: &mut Exchange<'_>)
    -> impl Future<Output = Result<(), Gone>>;

    /// A head could not be understood: `status` has been chosen, this writes the answer.
    fn refuse(&self, client: &Client, status: u16, why: &str) -> Vec<u8>;
}

/// The client went away, or the answer broke off in its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;
