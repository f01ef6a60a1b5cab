//! The house rules a compiler cannot see: who may import whom, who may name which crate,
//! how long a file and a function may grow, and that every file has a door and a label.
//!
//! One test per rule. Every failure says what to do instead.

#![allow(clippy::expect_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src/`, lowest first, and what each may import. A room can only name rooms above
/// it in this list, so the list itself proves that there are no circles.
const ROOMS: &[(&str, &str)] = &[
    ("base", ""),
    ("observe", "base"),
    ("wire", "base"),
    ("lang", "base"),
    ("aws", "base"),
    ("rt", "base observe"),
    ("net", "base observe wire rt"),
    ("model", "base aws"),
    ("plan", "base lang aws"),
    ("compile", "base lang aws model plan"),
    ("store", "base observe"),
    ("lambda", "base observe aws rt net"),
    (
        "gateway",
        "base observe wire lang aws rt net plan store lambda",
    ),
    ("spec", "base lang model"),
    (
        "control",
        "base observe lang aws rt model plan compile store spec gateway",
    ),
    ("stack", "base aws model spec lambda control"),
    ("neighbor", "base observe aws store lambda control stack"),
    ("console", "base observe control"),
    ("server", "*"),
    ("cli", "*"),
];

/// Crates that live in one place. Everywhere else their work is reached through that place.
const CRATES: &[(&str, &[&str])] = &[
    ("monoio", &["rt/"]),
    ("rustls", &["rt/tls/"]),
    ("aws_lc_rs", &["base/crypto.rs", "rt/tls/"]),
    ("rcgen", &["rt/tls/"]),
    ("fancy_regex", &["lang/pattern/"]),
    ("jsonschema", &["lang/schema/"]),
    ("httparse", &["wire/h1/"]),
    ("hdrhistogram", &["observe/histogram.rs"]),
    ("arc_swap", &["plan/live.rs", "rt/tls/"]),
    ("rusqlite", &["store/sqlite/"]),
    ("http_body_util", &["lambda/", "rt/errand.rs"]),
    (
        "flate2",
        &[
            "lambda/zip.rs",
            "gateway/compress.rs",
            "aws/event_stream.rs",
        ],
    ),
    ("governor", &["gateway/throttle.rs"]),
    (
        "serde_json",
        &[
            "base/json.rs",
            "lang/",
            "spec/",
            "store/",
            "control/",
            "stack/",
            "neighbor/",
            "console/",
        ],
    ),
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that were already longer when the rule met them. This list may only shrink.
const LONG_FUNCTIONS: &[&str] = &[];

#[test]
fn rooms_are_listed_lowest_first() {
    for (index, (room, imports)) in ROOMS.iter().enumerate() {
        for import in imports
            .split(' ')
            .filter(|import| !import.is_empty() && *import != "*")
        {
            assert!(
                ROOMS[..index].iter().any(|(lower, _)| lower == &import),
                "`{room}` may not import `{import}`: it is not below it in ROOMS",
            );
        }
    }
}

#[test]
fn rooms_import_only_what_they_may() {
    report(each_line(|file, line| {
        let room = file.room()?;
        let (_, allowed) = ROOMS.iter().find(|(name, _)| *name == room)?;
        let mut faults = String::new();
        for target in imported_rooms(line) {
            let fine = target == room
                || *allowed == "*"
                || allowed.split(' ').any(|import| import == target)
                || !ROOMS.iter().any(|(name, _)| *name == target);
            if !fine {
                let _ = write!(faults, "`{room}` does not import `{target}` (see ROOMS) ");
            }
        }
        (!faults.is_empty()).then_some(faults)
    }));
}

#[test]
fn nobody_climbs_out_with_super() {
    report(each_line(|file, line| {
        let folders = file.name.matches('/').count();
        let depth = if file.name.ends_with("/mod.rs") {
            folders
        } else {
            folders + 1
        };
        let climb = line.split("super::").count() - 1;
        (depth > 0 && climb >= depth && line.contains(&"super::".repeat(depth)))
            .then(|| "leaves the room by `super`; write `crate::room`".to_owned())
    }));
}

#[test]
fn crates_stay_in_their_room() {
    report(each_line(|file, line| {
        CRATES.iter().find_map(|(name, homes)| {
            let named =
                line.contains(&format!("{name}::")) || line.contains(&format!("use {name};"));
            let home = homes.iter().any(|home| file.name.starts_with(home));
            (named && !home).then(|| format!("`{name}` lives in {homes:?}; go through that room"))
        })
    }));
}

#[test]
fn files_are_labelled_reachable_and_short() {
    let files = sources();
    report(files.iter().flat_map(|file| {
        let mut faults = Vec::new();
        let first = file.text.lines().next().unwrap_or_default();
        if !first.starts_with("//! ") {
            faults.push(file.fault(1, "the first line says what lives here: `//! …`"));
        }
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(file.fault(
                lines,
                &format!("{lines} lines; split it at its seam (max {FILE_LINES_MAX})"),
            ));
        }
        if !declared(file, &files) {
            faults.push(file.fault(1, "no `mod` declares this file: dead"));
        }
        faults
    }));
}

#[test]
fn functions_fit_on_a_screen() {
    report(sources().iter().flat_map(|file| {
        functions(&file.text)
            .filter(|(name, _, lines)| {
                *lines > FUNCTION_LINES_MAX
                    && !LONG_FUNCTIONS.contains(&format!("{}:{name}", file.name).as_str())
            })
            .map(|(name, start, lines)| {
                file.fault(
                    start,
                    &format!("`{name}` has {lines} lines (max {FUNCTION_LINES_MAX})"),
                )
            })
            .collect::<Vec<_>>()
    }));
}

struct Source {
    /// Path below `src/`.
    name: String,
    text: String,
}

impl Source {
    fn room(&self) -> Option<&str> {
        self.name.split_once('/').map(|(room, _)| room)
    }

    fn fault(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.name)
    }
}

fn sources() -> Vec<Source> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| Source {
            name: path
                .strip_prefix(&root)
                .expect("below src")
                .display()
                .to_string(),
            text: fs::read_to_string(&path).expect("readable source"),
        })
        .collect()
}

/// Runs `rule` on every statement: a line, or a whole multi-line `use`, without comments.
fn each_line(rule: impl Fn(&Source, &str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in sources() {
        let mut open: Option<(usize, String)> = None;
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("//") {
                continue;
            }
            let (start, statement) = match open.take() {
                Some((start, statement)) => (start, statement + line),
                None => (index + 1, line.to_owned()),
            };
            let is_use = statement.starts_with("use ")
                || statement.starts_with("pub use ")
                || statement.starts_with("pub(");
            if is_use && statement.contains("use ") && !statement.ends_with(';') {
                open = Some((start, statement));
            } else if let Some(what) = rule(&file, &statement) {
                faults.push(file.fault(start, &what));
            }
        }
    }
    faults
}

/// The rooms that `crate::room` and `crate::{room, other::{..}}` name in one statement.
fn imported_rooms(statement: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for (at, _) in statement.match_indices("crate::") {
        let rest = &statement[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.push(leading_name(rest));
            continue;
        };
        let (mut depth, mut start) = (0_i32, 0);
        for (index, byte) in group.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 0 => {
                    rooms.push(leading_name(&group[start..index]));
                    break;
                }
                b'}' => depth -= 1,
                b',' if depth == 0 => {
                    rooms.push(leading_name(&group[start..index]));
                    start = index + 1;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn leading_name(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())]
}

fn declared(file: &Source, files: &[Source]) -> bool {
    let (folder, stem) = match file.name.strip_suffix("/mod.rs") {
        Some(folder) => folder.rsplit_once('/').unwrap_or(("", folder)),
        None => match file.name.trim_end_matches(".rs").rsplit_once('/') {
            Some(split) => split,
            None => return matches!(file.name.as_str(), "lib.rs" | "main.rs"),
        },
    };
    let parent = if folder.is_empty() {
        "lib.rs".to_owned()
    } else {
        format!("{folder}/mod.rs")
    };
    let line = format!("mod {stem};");
    files
        .iter()
        .any(|other| other.name == parent && other.text.lines().any(|l| l.ends_with(&line)))
}

/// Name, first line and length of every function, read from rustfmt's indentation.
fn functions(text: &str) -> impl Iterator<Item = (&str, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let Some((before, after)) = body.split_once("fn ") else {
            continue;
        };
        let is_item = before.split_whitespace().all(|word| {
            word.starts_with("pub")
                || matches!(
                    word,
                    "async" | "const" | "unsafe" | "extern" | "\"C\"" | "in"
                )
        });
        if !is_item || body.ends_with(';') || body.ends_with('}') {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - body.len()]);
        if let Some(length) = lines[index..].iter().position(|l| **l == close) {
            found.push((leading_name(after), index + 1, length + 1));
        }
    }
    found.into_iter()
}

fn report(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
