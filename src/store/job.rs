//! A change on its way to the engine and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::store::{Change, StoreError};

/// What an engine runs: the function of `Store::change` without its types.
pub(crate) trait Job: Send {
    /// True when what was written is to be kept. Called once at most.
    fn run(&mut self, change: &mut Change<'_>) -> bool;
    /// Answers the caller, after the change was made durable or failed to be.
    fn finish(self: Box<Self>, kept: Result<(), StoreError>);
}

struct Work<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

/// A job and where its answer will arrive.
pub(crate) fn job<F, T, E>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = Work {
        work: Some(work),
        result: None,
        reply,
    };
    (Box::new(job), answer)
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, change: &mut Change<'_>) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        // A panic in one change must not take the writer, and with it all others, along. What the
        // change wrote is rolled back, so nothing half-done is seen.
        self.result = Some(
            catch_unwind(AssertUnwindSafe(|| work(change)))
                .unwrap_or_else(|_| Err(E::from(StoreError::Abandoned))),
        );
        matches!(self.result, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, kept: Result<(), StoreError>) {
        // A refusal counts only when the changes it was based on were kept.
        let result = match kept {
            Ok(()) => self.result.unwrap_or(Err(E::from(StoreError::Abandoned))),
            Err(error) => Err(E::from(error)),
        };
        // Who asked may have gone away; the change stands all the same.
        let _ = self.reply.send(result);
    }
}
