//! Mapping expressions and templates, as far as they can be settled for one stage.

use crate::compile::problem::Fault;
use crate::lang::params::Source;
use crate::lang::vtl;
use crate::model::{rest, v2};
use crate::plan::context;
use crate::plan::rest::{ContentHandling, Dynamic, Moves, Template, Templates};

/// Where a value comes from; none if it is a stage variable that this stage does not have, which
/// is simply not sent.
pub fn source(text: &str, stage: &v2::Stage) -> Result<Option<Source>, Fault> {
    match Source::parse(text) {
        None => Err(Fault::new(format!("`{text}` is not a mapping expression"))),
        Some(Source::StageVariable(name)) => {
            let value = stage.variables.get(&*name);
            Ok(value.map(|value| Source::Static(value.as_str().into())))
        }
        Some(source) => Ok(Some(source)),
    }
}

/// Header names and their sources of all parameters with this prefix.
pub fn headers(
    parameters: &[(String, String)],
    prefix: &str,
    stage: &v2::Stage,
) -> Result<Moves, Fault> {
    let mut moved = Vec::new();
    for (target, text) in parameters {
        if let Some(name) = target.strip_prefix(prefix)
            && let Some(source) = source(text, stage)?
        {
            moved.push((name.into(), source));
        }
    }
    Ok(moved.into())
}

/// Templates by media type in lower case; `of` says whose they are.
///
/// # Errors
/// One that cannot be parsed, with line, column and a caret.
pub fn templates(written: &[(String, String)], of: &str) -> Result<Templates, Fault> {
    let template = |(kind, text): &(String, String)| {
        let made = match text.contains(['$', '#', '\\']) {
            false => Template::Static(text.as_str().into()),
            true => match vtl::Template::compile(text) {
                Ok(template) => Template::Dynamic(Box::new(dynamic(template))),
                Err(error) => {
                    return Err(Fault::new(format!(
                        "the template of {of} for {kind} cannot be parsed: {error}"
                    )));
                }
            },
        };
        Ok((kind.to_ascii_lowercase().into(), made))
    };
    written.iter().map(template).collect()
}

/// With what is gathered for it.
fn dynamic(template: vtl::Template) -> Dynamic {
    let names = context::NAMES.iter().copied();
    let context = names.filter(|name| template.uses().context(name)).collect();
    Dynamic { template, context }
}

pub fn handling(written: rest::ContentHandling) -> ContentHandling {
    match written {
        rest::ContentHandling::ToBinary => ContentHandling::ToBinary,
        rest::ContentHandling::ToText => ContentHandling::ToText,
    }
}
