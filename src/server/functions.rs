//! The functions of this machine, and where what they print goes.

use std::path::{Path, PathBuf};

use crate::base::id::ResourceIds;
use crate::lambda::{self, Function, Functions};
use crate::server::boot::{self, Error};
use crate::server::config::{AccessLog, Settings};
use crate::server::export::Exporter;

#[derive(Debug)]
pub struct FunctionRoom {
    pub all: Functions,
    exporter: Exporter,
    scratch: PathBuf,
}

impl FunctionRoom {
    /// Starts the thread of the functions, with those of the config file.
    ///
    /// # Errors
    /// When the log cannot be opened, or the system has no thread left.
    pub fn start(settings: &Settings, configured: Vec<Function>) -> Result<Self, Error> {
        let log = &settings.logging.function_log;
        let exporter = Exporter::start(&boot::destination(log))
            .map_err(|error| Error::Log(error.to_string()))?;
        // A name that nobody can guess: others may write to the folder of temporary files.
        let name = format!("daemun-{}", ResourceIds::from_system()?.next(20));
        let scratch = std::env::temp_dir().join(name);
        let all = Functions::start(lambda::Settings {
            region: settings.region.clone(),
            scratch: scratch.clone(),
        })?;
        let room = Self {
            all,
            exporter,
            scratch,
        };
        room.connect_log(log);
        room.configure(configured);
        Ok(room)
    }

    /// Where uploaded code is kept: with the records, or for as long as this process runs.
    pub fn code_dir(&self, data_dir: Option<&Path>) -> PathBuf {
        let folder = data_dir.unwrap_or(&self.scratch).join("functions");
        std::path::absolute(&folder).unwrap_or(folder)
    }

    /// The functions of the config file, in the place of those before.
    pub fn configure(&self, functions: Vec<Function>) {
        self.all.configure(functions);
    }

    /// Lines from now on go there.
    ///
    /// # Errors
    /// When the new destination cannot be opened; then nothing changes.
    pub fn set_log(&self, log: &AccessLog) -> Result<(), String> {
        let set = self.exporter.set_destination(&boot::destination(log));
        set.map_err(|error| error.to_string())?;
        self.connect_log(log);
        Ok(())
    }

    pub fn reopen_log(&self) {
        self.exporter.reopen();
    }

    fn connect_log(&self, log: &AccessLog) {
        let logs = *log != AccessLog::Off;
        self.all.log(logs.then(|| boot::log_lines(&self.exporter)));
    }

    /// Ends all workers and writes the last lines.
    pub async fn finish(self) {
        self.all.stop().await;
        self.exporter.finish().await;
        // Nothing may have been unpacked.
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}
