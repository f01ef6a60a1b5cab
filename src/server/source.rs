//! Where the config comes from: a file, or the example that is built in.

use std::path::PathBuf;

use crate::model::Snapshot;
use crate::server::config::{Config, Loaded, Located, Memory, Report};

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
    /// Reads and checks the config and lets `compile` look at what it serves. `before`: what it was
    /// when it was read last.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load<T>(
        &self,
        before: Option<&Memory>,
        compile: impl Fn(&Snapshot) -> Result<T, Vec<Located>>,
    ) -> Result<Loaded<T>, Report> {
        match self {
            Self::File(path) => Config::load_with(path, before, compile),
            Self::Text { name, text } => {
                let (config, made) = Config::parse_with(text, name, compile)?;
                Ok(Loaded {
                    config,
                    made,
                    memory: Memory::default(),
                })
            }
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
