//! Host and base path to stage.

#[derive(Debug, Default)]
pub struct HostTable {}
