//! What a function is: code, handler, runtime, environment, limits.

use std::path::PathBuf;

/// The version that changes: what was uploaded or written last.
pub const VERSION_LATEST: &str = "$LATEST";

/// One version of a function, all decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Without a qualifier.
    pub arn: String,
    pub runtime: Runtime,
    /// `module.function`; not used by `provided` runtimes beyond `_HANDLER`.
    pub handler: String,
    pub code: Code,
    /// What the function finds in its environment beside Lambda's own names.
    pub environment: Vec<(String, String)>,
    pub timeout_ms: u32,
    pub memory_mib: u32,
    /// Processes at once: each serves one invocation at a time. 0: every invocation is refused.
    pub workers_max: u32,
    /// Processes that are kept running from the start.
    pub workers_warm: u32,
}

/// Where the code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    Folder(PathBuf),
    /// A zip file, unpacked before the first start.
    Zip(PathBuf),
}

/// Which program runs the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    pub kind: RuntimeKind,
    /// As AWS writes it: `python3.12`, `nodejs22.x`, `provided.al2023`.
    pub name: String,
    /// The program; none: the one of the runtime's name that is in PATH.
    pub program: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    Python,
    Node,
    /// An executable file `bootstrap` in the code.
    Provided,
}

impl Runtime {
    /// The runtime of that name; none if there is no such runtime here.
    pub fn named(name: &str, program: Option<PathBuf>) -> Option<Self> {
        let is_version = |rest: &str| {
            !rest.is_empty()
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        let node_version = |rest: &str| rest.is_empty() || is_version(rest.trim_end_matches('x'));
        let kind = if name.strip_prefix("python").is_some_and(is_version) {
            RuntimeKind::Python
        } else if name.strip_prefix("nodejs").is_some_and(node_version) {
            RuntimeKind::Node
        } else if name == "provided" || name.starts_with("provided.") {
            RuntimeKind::Provided
        } else {
            return None;
        };
        Some(Self {
            kind,
            name: name.to_owned(),
            program,
        })
    }
}

impl Function {
    /// The log stream's group, as AWS names it.
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_the_names_of_aws() {
        let check = |name: &str, expected: Option<RuntimeKind>| {
            let kind = Runtime::named(name, None).map(|runtime| runtime.kind);
            assert_eq!(kind, expected, "{name}");
        };
        check("python3.12", Some(RuntimeKind::Python));
        check("python3", Some(RuntimeKind::Python));
        check("nodejs22.x", Some(RuntimeKind::Node));
        check("nodejs", Some(RuntimeKind::Node));
        check("provided.al2023", Some(RuntimeKind::Provided));
        check("provided", Some(RuntimeKind::Provided));
        check("python", None);
        check("java21", None);
        check("nodejsx.y", None);
        check("providedal2", None);
    }
}
