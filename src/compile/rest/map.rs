//! Mapping expressions and templates, as far as they can be settled for one stage.

use crate::compile::problem::Fault;
use crate::lang::params::Source;
use crate::model::v2;
use crate::plan::rest::{Moves, Template, Templates};

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

pub fn templates(written: &[(String, String)]) -> Templates {
    let templates = written.iter();
    templates
        .map(|(kind, text)| {
            let kind = kind.to_ascii_lowercase();
            (kind.into(), Template::Static(text.as_str().into()))
        })
        .collect()
}
