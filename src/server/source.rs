//! Where the config comes from: a file, or the example that is built in.

use std::path::PathBuf;

use crate::model::Snapshot;
use crate::server::config::{Config, Located, Report};

#[derive(Clone, Debug)]
pub enum Source {
    File(PathBuf),
    /// A text under a name.
    Text {
        name: String,
        text: String,
    },
}

impl Source {
    /// Reads and checks the config and lets `compile` look at what it serves.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load<T>(
        &self,
        compile: impl FnOnce(&Snapshot) -> Result<T, Vec<Located>>,
    ) -> Result<(Config, T), Report> {
        match self {
            Self::File(path) => Config::load_with(path, compile),
            Self::Text { name, text } => Config::parse_with(text, name, compile),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Text { .. } => None,
        }
    }
}
