//! Where a log goes: standard output, or a file whose path may have names in it.

use crate::server::config::problem::{Fault, quoted};

/// `stdout`, or a path.
pub fn one(text: &str) -> Result<(), Fault> {
    with_names(
        text,
        &[],
        "only the path of `execution_log` has parts that stand for names",
    )
}

/// As `one`, with the names of stages in the path.
pub fn of_stages(text: &str) -> Result<(), Fault> {
    with_names(
        text,
        &["api", "stage"],
        "`{api}` and `{stage}` stand for the names of a stage",
    )
}

fn with_names(text: &str, names: &[&str], hint: &str) -> Result<(), Fault> {
    let mut from = 0;
    while let Some(begin) = text[from..].find('{').map(|at| from + at) {
        let Some(end) = text[begin..].find('}').map(|at| begin + at) else {
            break;
        };
        if !names.contains(&&text[begin + 1..end]) {
            let what = quoted(&text[begin..=end]);
            let fault = Fault::new(format!("{what} stands for nothing")).within(begin..end + 1);
            return Err(fault.hint(hint));
        }
        from = end + 1;
    }
    if text == "stdout" || text.contains(['/', '.']) {
        return Ok(());
    }
    Err(
        Fault::new(format!("{} is not a place for a log", quoted(text)))
            .hint("write \"off\", \"stdout\" or the path of a file"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_go_to_stdout_or_a_file() {
        let check = |rule: fn(&str) -> Result<(), Fault>, fine: &[&str], wrong: &[&str]| {
            for text in fine {
                assert!(rule(text).is_ok(), "{text}");
            }
            for text in wrong {
                assert!(rule(text).is_err(), "{text}");
            }
        };
        check(
            one,
            &["stdout", "/var/log/a", "a.log", "a{.log"],
            &["stderr", "", "{stage}.log"],
        );
        check(
            of_stages,
            &["stdout", "{api}/{stage}.log"],
            &["stderr", "{stagee}.log", "{api}/{}.log"],
        );
    }
}
