//! Small numbers given out and taken back.

/// Gives out dense ids. One that came back rests for a whole plan before it is given out again, so
/// that whoever keeps state by id hears of its end before it begins to mean something else.
#[derive(Clone, Debug, Default)]
pub(in crate::compile) struct Pool {
    /// No id as large was ever given out.
    end: u32,
    free: Vec<u32>,
    resting: Vec<u32>,
}

impl Pool {
    /// The pool for the next plan: what rested is free.
    pub fn next(&self) -> Self {
        let mut free = self.free.clone();
        free.extend(&self.resting);
        // The smallest are taken first, from the end.
        free.sort_unstable_by(|one, other| other.cmp(one));
        Self {
            end: self.end,
            free,
            resting: Vec::new(),
        }
    }

    pub fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    pub fn give_back(&mut self, id: u32) {
        self.resting.push(id);
    }

    /// The given-back ids of this plan.
    pub fn resting(&self) -> &[u32] {
        &self.resting
    }

    /// One past the largest id in use.
    pub fn end(&self) -> u32 {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_rests_for_a_plan_before_it_comes_again() {
        let mut pool = Pool::default();
        assert_eq!([pool.take(), pool.take(), pool.take()], [0, 1, 2]);
        pool.give_back(1);
        pool.give_back(0);
        assert_eq!((pool.take(), pool.resting()), (3, &[1, 0][..]));
        let mut next = pool.next();
        assert_eq!([next.take(), next.take(), next.take()], [0, 1, 4]);
        assert!(next.resting().is_empty());
        assert_eq!(next.end(), 5);
    }
}
