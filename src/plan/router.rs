//! The compiled segment tree: literals, `{name}`, `{name+}`, methods, `ANY`, `$default`.

#[derive(Debug, Default)]
pub struct Router {}

#[derive(Clone, Copy, Debug, Default)]
pub struct Params {}
