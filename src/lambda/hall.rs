//! What all functions share on their thread: log, keeper, clock, and the bounds over all of them.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Clock;
use crate::base::id::ResourceIds;
use crate::lambda::commons::Commons;
use crate::lambda::keeper::{GROUPS_MAX, Keeper};
use crate::lambda::log::Log;
use crate::lambda::runtime::Interpreters;

#[derive(Debug)]
pub struct Hall {
    /// What functions find as AWS_REGION.
    pub region: String,
    /// A folder for what has to be unpacked.
    pub scratch: PathBuf,
    pub log: Log,
    pub interpreters: Interpreters,
    pub clock: Clock,
    pub ids: RefCell<ResourceIds>,
    /// What the cores know of it.
    pub commons: Arc<Commons>,
    workers: Cell<usize>,
    keeper: OnceCell<Keeper>,
}

impl Hall {
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(region: String, scratch: PathBuf, commons: Arc<Commons>) -> io::Result<Self> {
        Ok(Self {
            region,
            scratch,
            log: Log::default(),
            interpreters: Interpreters::default(),
            clock: Clock::real(),
            ids: RefCell::new(ResourceIds::from_system()?),
            commons,
            workers: Cell::new(0),
            keeper: OnceCell::new(),
        })
    }

    /// The keeper, started with the first worker.
    ///
    /// # Errors
    /// When the system has no process left.
    pub fn keeper(&self) -> io::Result<&Keeper> {
        match self.keeper.get() {
            Some(keeper) => Ok(keeper),
            None => {
                let keeper = Keeper::start()?;
                Ok(self.keeper.get_or_init(|| keeper))
            }
        }
    }

    /// One more worker, if all functions together may have one.
    pub fn admit_worker(&self) -> bool {
        let fits = self.workers.get() < GROUPS_MAX;
        if fits {
            self.workers.set(self.workers.get() + 1);
        }
        fits
    }

    pub fn worker_left(&self) {
        self.workers.set(self.workers.get() - 1);
    }
}
