//! Loads a config file: reads, checks everything that can be checked, and hands out either a
//! config or all that is wrong with it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread;

use crate::lambda::Function;
use crate::model::Snapshot;
use crate::server::config::memory::Memory;
use crate::server::config::place::{self, Located};
use crate::server::config::problem::{Problems, Report};
use crate::server::config::read;
use crate::server::config::resolve::{NamedFile, Resolver};
use crate::server::config::settings::Settings;

/// A config file that holds together.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the gateway itself is told.
    pub settings: Settings,
    /// What it serves: the input of `compile`.
    pub snapshot: Snapshot,
    /// The functions that run here.
    pub functions: Vec<Function>,
}

/// Larger files are refused before they are read.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

impl Config {
    /// Reads and checks a file, the files it names included. No plan is made: `load_with` does that.
    pub fn load(path: &Path) -> Result<Self, Report> {
        Self::load_with(path, None, |_| Ok(())).map(|loaded| loaded.config)
    }

    /// As `load`, and lets `compile` look at the snapshot. Its problems join the others, so it is
    /// called even when there are some; then what it makes is dropped. `before`: what the file was
    /// when it was read last.
    pub fn load_with<T>(
        path: &Path,
        before: Option<&Memory>,
        compile: impl Fn(&Snapshot) -> Result<T, Vec<Located>>,
    ) -> Result<Loaded<T>, Report> {
        let name = path.display().to_string();
        let text = text_of(path, &name)?;
        // So is a file that somebody has just begun to write.
        if text.trim().is_empty() && before.is_some_and(|before| !before.text.trim().is_empty()) {
            let hint = "a comment alone serves nothing, if that is meant".to_owned();
            return Err(Report::of_file(
                &name,
                "the file is empty".to_owned(),
                Some(hint),
            ));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let again = before.and_then(|before| again(before, &text, folder, &compile));
        if let Some((config, made, mut memory)) = again {
            memory.text = text;
            return Ok(Loaded {
                config,
                made,
                memory,
            });
        }
        let (config, made) = thread::scope(|scope| {
            let (mut draft, waste) = Draft::of(&text, folder);
            // Of a large file these are many small pieces: nobody waits until they are freed.
            scope.spawn(|| drop(waste));
            draft.check_files();
            draft.finish(&text, &name, compile)
        })?;
        Ok(Loaded {
            memory: Memory::of(text, &config),
            config,
            made,
        })
    }

    /// Checks a text that is called `name` in reports. Relative paths start at the folder in
    /// `name`; the files themselves are not looked at.
    pub fn parse(text: &str, name: &str) -> Result<Self, Report> {
        Self::parse_with(text, name, |_| Ok(())).map(|(config, ())| config)
    }

    /// As `parse`, with `compile` as in `load_with`.
    pub fn parse_with<T>(
        text: &str,
        name: &str,
        compile: impl FnOnce(&Snapshot) -> Result<T, Vec<Located>>,
    ) -> Result<(Self, T), Report> {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        let (draft, _) = Draft::of(text, folder);
        draft.finish(text, name, compile)
    }

    /// How many routes all APIs have together.
    pub fn route_count(&self) -> usize {
        self.snapshot.apis.iter().map(|api| api.routes.len()).sum()
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct Loaded<T> {
    pub config: Config,
    /// What `compile` made of it.
    pub made: T,
    pub memory: Memory,
}

/// Reads and compiles what is not known of `text`. None if it has to be read as a whole, be it to
/// say what is wrong with it.
pub(super) fn again<T>(
    before: &Memory,
    text: &str,
    folder: &Path,
    compile: impl Fn(&Snapshot) -> Result<T, Vec<Located>>,
) -> Option<(Config, T, Memory)> {
    let outline = before.outline(text)?;
    if !outline.is_of_use() {
        return None;
    }
    let (mut draft, _) = Draft::of(&outline.rest, folder);
    draft.check_files();
    if !draft.problems.is_empty() {
        return None;
    }
    let mut config = draft.config;
    let memory = outline.complete(text, &mut config)?;
    let made = compile(&config.snapshot).ok()?;
    Some((config, made, memory))
}

/// A config with what is known to be wrong with it.
struct Draft {
    config: Config,
    problems: Problems,
    files: Vec<NamedFile>,
}

impl Draft {
    /// The draft, and what is left over of making it.
    fn of<'t>(text: &'t str, folder: &Path) -> (Self, impl Send + use<'t>) {
        let mut problems = Problems::default();
        let (root, parsed) = read::read(text, &mut problems);
        let mut resolver = Resolver {
            folder,
            problems: &mut problems,
            files: Vec::new(),
        };
        let settings = resolver.settings(&root);
        let snapshot = resolver.snapshot(&root, &settings);
        let functions = resolver.functions(&root, &settings);
        let files = resolver.files;
        let draft = Self {
            config: Config {
                settings,
                snapshot,
                functions,
            },
            problems,
            files,
        };
        (draft, (root, parsed))
    }

    /// A certificate that is missing now would be missing at start, or worse, at a reload.
    fn check_files(&mut self) {
        for file in std::mem::take(&mut self.files) {
            let fault = match file.is_log {
                true => log_fault(&file.path),
                false => file_fault(&file.path),
            };
            let Some(message) = fault else { continue };
            let hint = "relative paths start at the folder of the config file";
            self.problems
                .push(Some(file.range), message, Some(hint.to_owned()));
        }
    }

    fn finish<T>(
        mut self,
        text: &str,
        name: &str,
        compile: impl FnOnce(&Snapshot) -> Result<T, Vec<Located>>,
    ) -> Result<(Config, T), Report> {
        let made = match compile(&self.config.snapshot) {
            Ok(made) => Some(made),
            Err(located) => {
                self.add(text, located);
                None
            }
        };
        match made {
            Some(made) if self.problems.is_empty() => Ok((self.config, made)),
            _ => Err(self.problems.into_report(name, text.to_owned())),
        }
    }

    /// Adds what was found later, except where something has been said already.
    fn add(&mut self, text: &str, mut located: Vec<Located>) {
        let places = place::places(text, &mut located);
        let fresh: Vec<bool> = places
            .iter()
            .map(|place| {
                !place
                    .as_ref()
                    .is_some_and(|range| self.problems.touches(range))
            })
            .collect();
        // A refusal without anything to say would let a bad config through.
        if located.is_empty() {
            self.problems
                .push(None, "this config cannot be compiled", None);
        }
        for ((problem, place), fresh) in located.into_iter().zip(places).zip(fresh) {
            if fresh {
                self.problems.push(place, problem.message, problem.hint);
            }
        }
    }
}

fn file_fault(path: &Path) -> Option<String> {
    let shown = path.display();
    match File::open(path).and_then(|open| open.metadata()) {
        Ok(metadata) if metadata.is_dir() => Some(format!("{shown} is a folder")),
        Ok(_) => None,
        Err(error) => Some(format!("{shown} cannot be read: {error}")),
    }
}

/// Logs make their files, not their folders; what of a path stands for a stage is not known yet.
fn log_fault(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("{} is a folder", path.display()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())?;
    let is_open = folder.to_string_lossy().contains('{');
    (!is_open && !folder.is_dir())
        .then(|| format!("the folder {} does not exist", folder.display()))
}

/// The whole file as text; a report if it cannot be.
fn text_of(path: &Path, name: &str) -> Result<String, Report> {
    let fail = |message: String, hint: &str| {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        Report::of_file(name, message, hint)
    };
    let unreadable = |error: std::io::Error| fail(format!("cannot read {name}: {error}"), "");
    let file = File::open(path).map_err(unreadable)?;
    let expected = file.metadata().map_or(0, |metadata| metadata.len());
    // With room for the byte that would be too much, the end of the file is seen at once.
    let mut bytes = Vec::with_capacity(expected.min(FILE_BYTES_MAX) as usize + 1);
    // One byte more than allowed tells a full file from one that is too large, pipes included.
    let mut bounded = file.take(FILE_BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fail("a config file has at most 16 MiB".to_owned(), ""));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fail(
            "this file is UTF-16, not UTF-8".to_owned(),
            "save it as UTF-8",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .count()
            + 1;
        let message = format!("line {line}, byte {column}: not UTF-8");
        fail(message, "save the file as UTF-8")
    })
}
