//! JSON Schema draft 4 for the models of REST APIs: compiled once, asked with each body.
//!
//! Models refer to each other, also in circles, by
//! `https://apigateway.amazonaws.com/restapis/{id}/models/{Name}`. Nothing else is fetched: any other
//! remote reference is an error when the schema is compiled.

mod document;
#[cfg(test)]
mod document_tests;
mod keywords;
mod plan;
#[cfg(test)]
mod plan_tests;
mod reader;
mod representation;
mod walk;
mod wording;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::json::Json;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use document::Document;
use plan::Plan;
use representation::Items;

pub use wording::Fault;

/// Faults that are told of one body.
const FAULTS_MAX: usize = 20;

/// Larger schemas are refused; AWS's limit.
pub const SCHEMA_BYTES_MAX: usize = 400 * 1024;

/// Steps back that one `pattern` may take, and memory of it in bytes.
const BACKTRACKS_MAX: usize = 100_000;
const PATTERN_BYTES_MAX: usize = 2 * 1024 * 1024;

const MODELS: &str = "https://apigateway.amazonaws.com/restapis/";

/// One compiled schema.
#[derive(Clone, Debug)]
pub struct Schema(Arc<Validators>);

/// The models of an API by name, which refer to each other.
#[derive(Clone, Debug)]
pub struct Library(Arc<HashMap<String, String>>);

/// Most bodies follow their schema: whether one does is found out by the first, what is wrong with
/// one that does not by the second, which needs a tree of it.
#[derive(Debug)]
struct Validators {
    quick: Quick,
    telling: Validator,
}

#[derive(Debug)]
enum Quick {
    /// While the body is read.
    Plan(Plan),
    /// Once it is: for models that say what a plan cannot.
    Items(Validator<Items>),
}

/// Why a schema cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError(pub String);

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not JSON, not UTF-8, too deeply nested.
    Malformed(String),
    /// It does not follow the schema; never empty.
    Invalid(Vec<Fault>),
}

impl Schema {
    /// Compiles a model. `models` are all models of the API with their texts, by name.
    ///
    /// # Errors
    /// As `Library::compile`.
    pub fn compile(text: &str, models: &[(&str, &str)]) -> Result<Self, SchemaError> {
        Library::of(models).compile(text)
    }

    /// Whether both are one in memory.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Checks a body. An empty one is `{}`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, body: &[u8]) -> Result<(), Refused> {
        let body = if body.is_empty() { b"{}" } else { body };
        let Validators { quick, telling } = &*self.0;
        if quick.allows(body) {
            return Ok(());
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Refused::Malformed(error.to_string()))?;
        let errors = telling.iter_errors(&value).take(FAULTS_MAX);
        match wording::faults(errors) {
            // Of a name that comes twice only the last value counts, which a tree knows.
            faults if faults.is_empty() => Ok(()),
            faults => Err(Refused::Invalid(faults)),
        }
    }
}

impl Quick {
    /// Whether a body surely follows its model.
    fn allows(&self, body: &[u8]) -> bool {
        match self {
            Self::Plan(plan) => plan.allows(body),
            Self::Items(validator) => {
                let document = Document::read(body);
                document.is_some_and(|document| validator.is_valid(document.root()))
            }
        }
    }
}

fn build<F: Json>(schema: &Value, models: Library) -> Result<Validator<F>, SchemaError> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS_MAX)
        .size_limit(PATTERN_BYTES_MAX);
    jsonschema::options_for::<F>()
        .with_draft(Draft::Draft4)
        .with_retriever(models)
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| SchemaError(error.to_string()))
}

impl Refused {
    /// `$context.error.validationErrorString`: `[fault, fault]`.
    pub fn validation_error_string(&self) -> String {
        match self {
            Self::Malformed(_) => "[Invalid JSON]".to_owned(),
            Self::Invalid(faults) => {
                let messages: Vec<&str> = faults.iter().map(|fault| &*fault.message).collect();
                format!("[{}]", messages.join(", "))
            }
        }
    }
}

/// For people: each fault with its JSON pointer.
impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(out, "the body is not JSON: {why}"),
            Self::Invalid(faults) => {
                for (index, fault) in faults.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    let pointer = if fault.pointer.is_empty() {
                        "the body"
                    } else {
                        &fault.pointer
                    };
                    write!(out, "{separator}{pointer}: {}", fault.message)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SchemaError {}

impl std::error::Error for Refused {}

impl Library {
    /// All models of an API: their names and texts.
    pub fn of<T: AsRef<str>>(models: &[(T, T)]) -> Self {
        let owned = |text: &T| text.as_ref().to_owned();
        let models = models.iter();
        let models = models.map(|(name, text)| (owned(name), owned(text)));
        Self(Arc::new(models.collect()))
    }

    /// Compiles a model that may refer to these.
    ///
    /// # Errors
    /// What is no JSON, no schema, or a reference to what is not there.
    pub fn compile(&self, text: &str) -> Result<Schema, SchemaError> {
        if text.len() > SCHEMA_BYTES_MAX {
            return Err(SchemaError("the schema is too long".to_owned()));
        }
        let schema: Value = serde_json::from_str(text)
            .map_err(|error| SchemaError(format!("the schema is not JSON: {error}")))?;
        let telling = build(&schema, self.clone())?;
        let quick = match Plan::of(&schema, self) {
            Some(plan) => Quick::Plan(plan),
            None => Quick::Items(build(&schema, self.clone())?),
        };
        Ok(Schema(Arc::new(Validators { quick, telling })))
    }
}

impl Retrieve for Library {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(MODELS).and_then(|rest| {
            let (_, name) = rest.split_once("/models/")?;
            Some(name.trim_end_matches('#'))
        });
        let Some(name) = name else {
            return Err(format!("`{uri}` is not fetched: only models of the API are").into());
        };
        match self.0.get(name) {
            Some(text) => Ok(serde_json::from_str(text)?),
            None => Err(format!("there is no model `{name}`").into()),
        }
    }
}

#[cfg(test)]
mod tests;
