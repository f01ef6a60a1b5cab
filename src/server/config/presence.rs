//! Code and interpreters that functions name and that are not there.

use std::fs::{self, Metadata};
use std::path::Path;

use crate::lambda::{Code, Function, RuntimeKind, is_program};
use crate::server::config::place::{self, Located};
use crate::server::config::problem::{Problems, Report};

/// To be looked at before a start, and not by one: an API should not be down because the code of
/// another one's function is.
///
/// # Errors
/// What is not there, by its place in the config `file`.
pub fn absent_code(file: &Path, functions: &[Function]) -> Result<(), Report> {
    let mut located: Vec<Located> = functions.iter().flat_map(faults).collect();
    if located.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    let places = place::places(&text, &mut located);
    let mut problems = Problems::default();
    for (problem, place) in located.into_iter().zip(places) {
        problems.push(place, problem.message, problem.hint);
    }
    Err(problems.into_report(&file.display().to_string(), text))
}

fn faults(function: &Function) -> impl Iterator<Item = Located> {
    let interpreter = function.runtime.program.as_deref();
    let interpreter = interpreter.and_then(|program| {
        let wrong = wrong(program, "a program", is_program)?;
        Some(("interpreter", wrong))
    });
    let code = match &function.code {
        Code::Zip(file) => wrong(file, "a file", Metadata::is_file),
        Code::Folder(folder) => {
            let wrong = wrong(folder, "a folder", Metadata::is_dir);
            wrong.or_else(|| bootstrap(function, folder))
        }
    };
    let code = code.map(|wrong| ("code", wrong));
    let found = interpreter.into_iter().chain(code);
    found.map(|(field, wrong)| Located {
        path: ["functions", &function.name, field]
            .map(str::to_owned)
            .into(),
        within: None,
        message: format!("functions.{}.{field}: {wrong}", function.name),
        hint: Some("relative paths start at the folder of the config file".to_owned()),
    })
}

fn bootstrap(function: &Function, folder: &Path) -> Option<String> {
    if function.runtime.kind != RuntimeKind::Provided {
        return None;
    }
    let program = folder.join("bootstrap");
    wrong(&program, "a program", is_program)
}

fn wrong(path: &Path, wanted: &str, fits: fn(&Metadata) -> bool) -> Option<String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(meta) if fits(&meta) => None,
        Ok(_) => Some(format!("{shown} is not {wanted}")),
        Err(error) => Some(format!("{shown} cannot be used: {error}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::server::config::Config;

    #[test]
    fn what_functions_need_and_is_not_there_is_said_by_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("code")).unwrap();
        fs::write(at("text"), "").unwrap();
        let check = |fields: &str, expected: Option<&str>| {
            let file = at("gateway.toml");
            fs::write(&file, format!("[functions.f]\n{fields}\n")).unwrap();
            let config = Config::load(&file).unwrap();
            let said = absent_code(&file, &config.functions).err();
            let said = said.map(|report| report.to_string());
            let fits = match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(fits, "{fields}: {said:?}");
        };
        let python = "runtime = \"python3\"\n";
        check(&format!("{python}code = \"code\""), None);
        let gone = format!("{python}code = \"gone\"");
        check(&gone, Some("functions.f.code: "));
        check(&gone, Some("gateway.toml:3:8"));
        check(&format!("{python}code = \"text\""), Some("is not a folder"));
        check(
            &format!("{python}code = \"gone.zip\""),
            Some("cannot be used"),
        );
        let program = format!("{python}code = \"code\"\ninterpreter = ");
        check(
            &format!("{program}\"gone\""),
            Some("functions.f.interpreter: "),
        );
        check(&format!("{program}\"text\""), Some("is not a program"));
        check(&format!("{program}\"/bin/sh\""), None);
        let provided = "runtime = \"provided\"\ncode = \"code\"";
        check(provided, Some("bootstrap cannot be used"));
    }
}
