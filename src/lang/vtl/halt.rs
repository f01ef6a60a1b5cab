//! Why a rendering stops before its end.

use std::borrow::Cow;

/// Why running stopped. It is small, since every step may return it.
#[derive(Clone, Debug)]
pub(super) enum Halt {
    Failed(Box<Failure>),
    /// `#break`
    Break,
    /// `$foreach.stop()`, `#break($foreach.parent)`
    BreakLoop(u32),
    /// `#stop`
    Stop,
}

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) what: Cow<'static, str>,
    pub(super) is_runaway: bool,
    /// At a byte of the template, if it is known.
    pub(super) at: Option<usize>,
}

impl Halt {
    #[cold]
    pub(super) fn error(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Failed(Box::new(Failure {
            what: what.into(),
            is_runaway: false,
            at: None,
        }))
    }

    /// The budget is used up.
    #[cold]
    pub(super) fn runaway(what: &'static str) -> Self {
        Self::Failed(Failure::runaway(what))
    }

    /// An error without a place gets this one.
    #[cold]
    pub(super) fn placed(mut self, at: usize) -> Self {
        if let Self::Failed(failure) = &mut self
            && !failure.is_runaway
        {
            failure.at.get_or_insert(at);
        }
        self
    }
}

impl Failure {
    #[cold]
    pub(super) fn runaway(what: &'static str) -> Box<Self> {
        Box::new(Self {
            what: Cow::Borrowed(what),
            is_runaway: true,
            at: None,
        })
    }
}
