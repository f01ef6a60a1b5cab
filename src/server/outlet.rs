//! Where the writer of a log puts its lines: one place, or a file for each stage.

use std::path::{Path, PathBuf};

use crate::server::destination::{Destination, OpenError, Outcome, Sink};

/// An open destination of either kind.
#[derive(Debug)]
pub enum Outlet {
    One(Sink),
    Stages(StageFiles),
}

impl Outlet {
    /// Opens what is named. Files of stages are opened when there is something to write, but their
    /// folder must be there.
    ///
    /// # Errors
    /// Says which file cannot be opened, and why.
    pub fn open(destination: &Destination) -> Result<Self, OpenError> {
        match destination {
            Destination::Stages(template) => {
                StageFiles::check(template)?;
                Ok(Self::Stages(StageFiles::new(template.clone())))
            }
            one => Sink::open(one).map(Self::One),
        }
    }

    pub fn is_off(&self) -> bool {
        match self {
            Self::One(sink) => sink.is_off(),
            Self::Stages(_) => false,
        }
    }

    /// Opens files by their paths again. When that fails, the old one stays in use.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        match self {
            Self::One(sink) => sink.reopen(),
            Self::Stages(files) => {
                files.open.clear();
                Ok(())
            }
        }
    }

    pub fn write(&mut self, batch: &[u8], lines: u64) -> Outcome {
        match self {
            Self::One(sink) => sink.write(batch, lines),
            Self::Stages(files) => files.write(batch),
        }
    }
}

/// Files by the name of a log, which each line begins with: `API-Gateway-Execution-Logs_{api}/{stage}`.
#[derive(Debug)]
pub struct StageFiles {
    template: PathBuf,
    /// The one used last comes last.
    open: Vec<(Vec<u8>, Sink)>,
}

/// So many files are open at a time.
const OPEN_MAX: usize = 64;
const API: &str = "{api}";
const STAGE: &str = "{stage}";

impl StageFiles {
    /// Whether a path has a place for the names of API and stage.
    pub fn is_template(path: &Path) -> bool {
        let path = path.to_string_lossy();
        path.contains(API) || path.contains(STAGE)
    }

    fn new(template: PathBuf) -> Self {
        Self {
            template,
            open: Vec::new(),
        }
    }

    /// A folder that bears no name of a stage must be there.
    fn check(template: &Path) -> Result<(), OpenError> {
        let folder = template.parent().unwrap_or(Path::new("."));
        match Self::is_template(folder) || folder.as_os_str().is_empty() || folder.is_dir() {
            true => Ok(()),
            false => Err(OpenError::NoFolder {
                file: template.to_owned(),
                folder: folder.to_owned(),
            }),
        }
    }

    /// Lines of one log that stand together go out together, without its name.
    fn write(&mut self, batch: &[u8]) -> Outcome {
        let mut outcome = Outcome {
            lines: 0,
            fault: None,
        };
        let mut lines = batch.split_inclusive(|byte| *byte == b'\n').peekable();
        let mut run = Vec::new();
        while let Some(line) = lines.next() {
            let (log, line) = named(line);
            run.extend_from_slice(line);
            if lines.peek().is_some_and(|next| named(next).0 == log) {
                continue;
            }
            match self.put(log, &run) {
                Ok(written) => {
                    outcome.lines += written.lines;
                    outcome.fault = outcome.fault.or(written.fault);
                }
                Err(error) => outcome.fault = Some(std::io::Error::other(error)),
            }
            run.clear();
        }
        outcome
    }

    fn put(&mut self, log: &[u8], run: &[u8]) -> Result<Outcome, OpenError> {
        let known = self.open.iter().position(|(name, _)| name == log);
        let (name, mut sink) = match known {
            Some(index) => self.open.remove(index),
            None => {
                if self.open.len() == OPEN_MAX {
                    self.open.remove(0);
                }
                let sink = Sink::open(&Destination::File(self.path(log)))?;
                (log.to_owned(), sink)
            }
        };
        let lines = memchr::memchr_iter(b'\n', run).count() as u64;
        let written = sink.write(run, lines);
        self.open.push((name, sink));
        Ok(written)
    }

    fn path(&self, log: &[u8]) -> PathBuf {
        let log = String::from_utf8_lossy(log);
        let own = log.rsplit_once("Logs_").map_or(&*log, |(_, own)| own);
        let (api, stage) = own.split_once('/').unwrap_or((own, ""));
        let template = self.template.to_string_lossy();
        let path = template.replace(API, &file_name(api));
        path.replace(STAGE, &file_name(stage)).into()
    }
}

/// The name of the log that a line is for, and the rest of it.
fn named(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (b"", line),
    }
}

/// Nothing that could lead to another folder. `prod/Canary` becomes `prod.Canary`, which no stage
/// can be called.
fn file_name(name: &str) -> String {
    let safe = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c,
        '/' => '.',
        _ => '_',
    };
    name.chars().map(safe).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::fs;

    use super::*;

    fn outlet(folder: &Path) -> Outlet {
        let template = folder.join("{api}-{stage}.log");
        Outlet::open(&Destination::Stages(template)).unwrap()
    }

    #[test]
    fn each_stage_has_its_file_and_a_canary_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut outlet = outlet(folder.path());
        let batch = b"L-Logs_a/prod one\nL-Logs_a/prod two\nL-Logs_b/prod three\nL-Logs_a/prod/Canary four\nL-Logs_a/prod five\n";
        let written = outlet.write(batch, 5);
        assert!(written.fault.is_none() && written.lines == 5);
        let check = |name: &str, expected: &str| {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(text, expected, "{name}");
        };
        check("a-prod.log", "one\ntwo\nfive\n");
        check("b-prod.log", "three\n");
        check("a-prod.Canary.log", "four\n");
        fs::rename(folder.path().join("a-prod.log"), folder.path().join("old")).unwrap();
        outlet.reopen().unwrap();
        outlet.write(b"L-Logs_a/prod six\n", 1);
        check("a-prod.log", "six\n");
        check("old", "one\ntwo\nfive\n");
    }

    #[test]
    fn files_that_are_not_used_are_closed_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut outlet = outlet(folder.path());
        for round in 0..2 {
            for stage in 0..2 * OPEN_MAX {
                let line = format!("L-Logs_a/s{stage} {round}\n");
                assert_eq!(outlet.write(line.as_bytes(), 1).lines, 1);
            }
        }
        let open = match &outlet {
            Outlet::Stages(files) => files.open.len(),
            _ => 0,
        };
        assert_eq!(open, OPEN_MAX);
        let text = fs::read_to_string(folder.path().join("a-s0.log")).unwrap();
        assert_eq!(text, "0\n1\n");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let files = StageFiles::new("/logs/{api}/{stage}".into());
        let path = files.path(b"L-Logs_../../etc/pass wd");
        assert_eq!(path, Path::new("/logs/__/__.etc.pass_wd"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("missing/{api}.log");
        let error = Outlet::open(&Destination::Stages(template)).unwrap_err();
        assert!(error.to_string().contains("missing does not exist"));
    }
}
