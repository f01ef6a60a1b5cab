//! What is changed of requests and answers on their way.

use crate::lang::mapping::{Expression, Mapping, Source};
use crate::plan::HttpTarget;

/// An HTTP target with changes.
#[derive(Debug)]
pub struct MappedTarget {
    pub http: HttpTarget,
    pub changes: Changes,
}

#[derive(Debug, Default)]
pub struct Changes {
    /// Removals first, additions last; without stage variables.
    pub request: Box<[Mapping]>,
    /// Some mapping of the request asks for its body, which is held in memory then.
    pub needs_body: bool,
    pub replies: Box<[ReplyMapping]>,
}

/// What is changed of answers with one status.
#[derive(Debug)]
pub struct ReplyMapping {
    /// The backend's.
    pub status: u16,
    pub mappings: Box<[Mapping]>,
    /// Some of them asks for the body of the answer, which is held in memory then.
    pub needs_body: bool,
}

impl Changes {
    pub fn reply(&self, status: u16) -> Option<&ReplyMapping> {
        self.replies.iter().find(|reply| reply.status == status)
    }
}

/// Whether some value is taken from a body.
pub fn needs_body(mappings: &[Mapping]) -> bool {
    let mut values = mappings.iter().map(|mapping| &mapping.value);
    values.any(takes_from_body)
}

pub fn takes_from_body(value: &Expression) -> bool {
    let is_body = |source| matches!(source, &Source::RequestBody(_) | &Source::ResponseBody(_));
    value.sources().any(is_body)
}
