//! The models of a deployment, each compiled once for all methods whose bodies have to follow it.

use std::collections::HashMap;

use crate::compile::problem::Fault;
use crate::lang::schema::{Library, Schema};
use crate::model::v2::Stage;
use crate::plan::rest::Models;

/// The schema of AWS's model `Empty`.
const EMPTY: &str = r#"{"type":"object"}"#;

/// The models of one stage, and those of them that some method has asked for.
pub(in crate::compile) struct Schemas<'a> {
    models: &'a [(String, String)],
    library: Option<Library>,
    /// By name; without one AWS's own `Empty`.
    made: HashMap<Option<&'a str>, Result<Schema, Fault>>,
}

impl<'a> Schemas<'a> {
    pub fn of(stage: &'a Stage) -> Self {
        let own = stage.rest.as_deref();
        Self {
            models: own.map_or(&[][..], |own| own.models.as_slice()),
            library: None,
            made: HashMap::new(),
        }
    }

    /// The schemas of a method's models, which are named by media type; where there is none for a
    /// body, AWS's own model `Empty` counts.
    pub fn of_method(&mut self, models: &[(String, String)]) -> Result<Models, Fault> {
        let mut all = Vec::with_capacity(models.len() + 1);
        let mut has_usual = false;
        for (media_type, name) in models {
            has_usual |= media_type == "$default";
            all.push((media_type.to_ascii_lowercase().into(), self.named(name)?));
        }
        if !has_usual {
            all.push(("$default".into(), self.compiled(None, EMPTY)?));
        }
        Ok(all.into())
    }

    fn named(&mut self, name: &str) -> Result<Schema, Fault> {
        let mut models = self.models.iter();
        match models.find(|(known, _)| known == name) {
            Some((name, text)) => self.compiled(Some(name), text),
            None => self.compiled(None, EMPTY),
        }
    }

    /// Shared by all who ask for it.
    fn compiled(&mut self, name: Option<&'a str>, text: &str) -> Result<Schema, Fault> {
        let Self {
            models,
            library,
            made,
        } = self;
        let make = || {
            let library = library.get_or_insert_with(|| Library::of(models));
            let shown = name.unwrap_or("Empty");
            let wrong = |error| Fault::new(format!("the model {shown} cannot be used: {error}"));
            library.compile(text).map_err(wrong)
        };
        made.entry(name).or_insert_with(make).clone()
    }
}
