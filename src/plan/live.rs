//! The cell that holds the plan of now; the only file that knows a plan can change.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Publishes whole values: readers see the old one or the new one, never a mixture.
#[derive(Debug)]
pub struct Live<T>(ArcSwap<T>);

impl<T> Live<T> {
    pub fn new(first: T) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    pub fn publish(&self, next: Arc<T>) {
        self.0.store(next);
    }

    /// The value of now. Cores call this when they are told of a new one, not for each request.
    pub fn load(&self) -> Arc<T> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_the_value_it_loaded() {
        let live = Live::new(1);
        let before = live.load();
        live.publish(Arc::new(2));
        assert_eq!((*before, *live.load()), (1, 2));
    }
}
