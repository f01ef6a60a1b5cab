//! Access-log formats over `$context`.

/// A format compiled to operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {}
