//! What every test starts from: a running gateway, a client, an upstream that follows a script.

#[macro_use]
mod driver;

mod certificate;
mod client;
mod command;
mod config;
mod function;
mod gateway;
mod message;
mod pattern;
mod upstream;

use std::thread;
use std::time::{Duration, Instant};

pub use certificate::{Authority, Pair};
pub use client::Client;
pub use command::{Finished, installed, run};
pub use config::{api, mock, proxy, route, table};
pub use driver::Driver;
pub use function::{bootstrap, calling, function, provided};
pub use gateway::{Gateway, Setup, raise_descriptor_limit};
pub use message::{Message, Reader};
pub use pattern::Pattern;
pub use upstream::{Request, Upstream, Visit};

/// How long anything may take before a test gives up: far more than it should ever need.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
