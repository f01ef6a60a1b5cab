//! Which kernel interface the event loops use.

use std::future::Future;
use std::io;

use crate::rt::poller::Poller;
use crate::rt::task;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// io_uring where the kernel and the container allow it, epoll elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    IoUring,
    Epoll,
}

/// Submission entries of a ring; the queue is flushed when full, so this bounds a batch only.
const ENTRIES: u32 = 1024;

impl Driver {
    /// io_uring if a ring with our flags can be made here.
    pub fn best() -> Self {
        match ring().build(8) {
            Ok(_) => Self::IoUring,
            Err(_) => Self::Epoll,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }

    /// Runs `main` as the first task of a new event loop on this thread.
    pub fn run<F: Future + 'static>(self, main: F) -> io::Result<F::Output> {
        match self {
            Self::IoUring => {
                let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
                    .with_entries(ENTRIES)
                    .uring_builder(ring())
                    .build()?;
                Ok(runtime.block_on(until_end(main)))
            }
            Self::Epoll => {
                let mut runtime = RuntimeBuilder::<LegacyDriver>::new()
                    .with_entries(ENTRIES)
                    .build()?;
                Ok(runtime.block_on(until_end(main)))
            }
        }
    }
}

/// The poller of this thread belongs to the loop that ends here.
async fn until_end<F: Future + 'static>(main: F) -> F::Output {
    task::main(main, Poller::end).await
}

/// One thread submits, and completions are run when it asks for them: no interrupts of a core
/// that is busy with other requests.
fn ring() -> io_uring::Builder {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    builder
}
