//! Problems: what is wrong with a snapshot, each with the path of the resource to blame.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// One thing that is wrong. `Display` is the path and the message in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Names from the snapshot downwards, list elements by their index:
    /// `["apis", "pets", "routes", "GET /x", "integration", "uri"]`.
    pub path: Vec<String>,
    /// Bytes of the text at the path's end; of its key, if a table is there.
    pub within: Option<Range<usize>>,
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// For who made the API with AWS's tools, and has no file with its path but methods and routes:
    /// `POST /pets: …`. None of what is wrong elsewhere.
    pub fn by_route(path: &[String], message: &str) -> Option<String> {
        match path {
            [apis, _, routes, key, ..] if apis == "apis" && routes == "routes" => {
                Some(format!("{key}: {message}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.path.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !name.is_empty() && name.bytes().all(bare) {
                write!(f, "{dot}{name}")?;
            } else {
                write!(f, "{dot}\"{}\"", name.escape_debug())?;
            }
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

/// Further problems are not kept: a broken snapshot of many stages must not fill the memory.
const PROBLEMS_MAX: usize = 1_000;

/// All that is wrong so far, each once: what several stages share is said for the first of them.
#[derive(Debug, Default)]
pub(in crate::compile) struct Problems {
    list: Vec<Problem>,
    seen: HashSet<Problem>,
}

impl Problems {
    pub fn push(&mut self, place: &Place<'_>, fault: Fault) {
        if self.list.len() >= PROBLEMS_MAX {
            return;
        }
        let problem = Problem {
            path: place.path(),
            within: fault.within,
            message: fault.message,
            hint: fault.hint,
        };
        if self.seen.insert(problem.clone()) {
            self.list.push(problem);
        }
    }

    /// Takes over what was found elsewhere.
    pub fn append(&mut self, other: Self) {
        for problem in other.list {
            if self.list.len() < PROBLEMS_MAX && self.seen.insert(problem.clone()) {
                self.list.push(problem);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn into_list(self) -> Vec<Problem> {
        self.list
    }
}

/// Where in the snapshot we are: a path that costs nothing until somebody is blamed.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    name: &'a str,
}

impl<'a> Place<'a> {
    pub const fn root(name: &'a str) -> Self {
        Self { above: None, name }
    }

    pub const fn then(&'a self, name: &'a str) -> Self {
        Place {
            above: Some(self),
            name,
        }
    }

    fn path(&self) -> Vec<String> {
        let mut path = self.above.map(Place::path).unwrap_or_default();
        path.push(self.name.to_owned());
        path
    }
}

/// What is wrong with one value, said by somebody who does not know where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub hint: Option<String>,
    /// Bytes of the value's text.
    pub within: Option<Range<usize>>,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            within: None,
        }
    }

    /// The same, with words on what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, pointing at a part of the value.
    pub fn within(mut self, range: Range<usize>) -> Self {
        self.within = Some(range);
        self
    }
}

/// The candidate that `word` was probably meant to be.
pub(in crate::compile) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    candidates
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3).min(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or else what there is to choose from.
pub(in crate::compile) fn suggest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
    show: impl Fn(&str) -> String,
) -> Option<String> {
    if let Some(meant) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{}`?", show(meant)));
    }
    let shown: Vec<String> = candidates
        .take(SUGGESTIONS_MAX)
        .map(|candidate| format!("`{}`", show(candidate)))
        .collect();
    (!shown.is_empty()).then(|| format!("there is {}", shown.join(", ")))
}

const SUGGESTIONS_MAX: usize = 5;
