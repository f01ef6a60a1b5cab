//! Functions of config files, and the program that the tests use as one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with an executable `bootstrap`, compiled once from `tests/functions/bootstrap.rs`.
pub fn bootstrap() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // Each run has its own, so that runs beside each other do not write one file.
        let name = format!("bootstrap-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let source = "tests/functions/bootstrap.rs";
        let status = Command::new("rustc")
            .args(["--edition", "2024", "-O", source, "-o"])
            .arg(folder.join("bootstrap"))
            .status();
        assert!(status.expect("rustc").success());
        folder
    })
}

/// The `provided` function `name` of the config.
pub fn provided(name: &str, lines: &str) -> String {
    function(name, "provided.al2023", bootstrap(), lines)
}

pub fn function(name: &str, runtime: &str, code: &Path, lines: &str) -> String {
    let code = code.display().to_string();
    format!("[functions.{name}]\nruntime = \"{runtime}\"\ncode = {code:?}\n{lines}\n")
}

/// A route of the API `main` that calls a function.
pub fn calling(key: &str, function: &str, lines: &str) -> String {
    let integration = format!("type = \"aws_proxy\", function = \"{function}\"{lines}");
    super::api("main", key, &integration)
}
