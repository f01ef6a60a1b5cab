//! What is kept of a function, and how AWS's clients see it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::control::{Error, Outcome};
use crate::lambda;
use crate::neighbor::function::{invalid, not_found};

/// The kind of these records in the store.
pub const KIND: &str = "lambda.function";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Function {
    pub name: String,
    /// Without a qualifier.
    pub arn: String,
    pub latest: Version,
    pub versions: BTreeMap<u64, Version>,
    pub next_version: u64,
    pub aliases: BTreeMap<String, Alias>,
    /// Statements by the qualifier that they are for; empty for the function itself.
    pub policies: BTreeMap<String, Vec<Value>>,
    pub tags: BTreeMap<String, String>,
    pub concurrency: Option<u32>,
}

/// One version: its configuration in the words of the API, and its code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    pub configuration: Map<String, Value>,
    /// The name of the zip in the folder for code.
    pub code: String,
    /// What `$LATEST` was described as when this version was made with words of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_description: Option<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alias {
    pub version: String,
    pub description: String,
    pub revision: String,
}

/// How many processes a function may have that says nothing of it.
const WORKERS_MAX: u32 = 8;
const TIMEOUT_S: u64 = 3;
const MEMORY_MIB: u64 = 128;

impl Function {
    /// # Errors
    /// When the bytes are no such record.
    pub fn read(bytes: &[u8]) -> Outcome<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::internal(format!("a kept function cannot be read: {error}")))
    }

    /// # Errors
    /// Never for a function that was read or made here.
    pub fn bytes(&self) -> Outcome<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::internal(format!("a function cannot be kept: {error}")))
    }

    /// The latest, and those that were published, the oldest first.
    pub fn all_versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.latest).chain(self.versions.values())
    }

    /// The version that a qualifier names.
    ///
    /// # Errors
    /// When there is none.
    pub fn version(&self, qualifier: Option<&str>) -> Outcome<&Version> {
        let qualifier = qualifier.unwrap_or(lambda::VERSION_LATEST);
        let name = match self.aliases.get(qualifier) {
            Some(alias) => &alias.version,
            None => qualifier,
        };
        let found = match name {
            lambda::VERSION_LATEST => Some(&self.latest),
            number => number
                .parse()
                .ok()
                .and_then(|number| self.versions.get(&number)),
        };
        found.ok_or_else(|| not_found(&format!("{}:{qualifier}", self.arn)))
    }

    /// As `GetFunctionConfiguration` shows a version that the caller has named so.
    pub fn configuration(&self, version: &Version, qualifier: Option<&str>) -> Value {
        let mut shown = version.configuration.clone();
        let arn = match qualifier {
            None => self.arn.clone(),
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
        };
        shown.insert("FunctionArn".to_owned(), arn.into());
        Value::Object(shown)
    }

    /// As lists show a version: by its full name, and without what can change by itself.
    pub fn listed(&self, version: &Version) -> Value {
        let mut shown = self.configuration(version, Some(version.number()));
        if let Value::Object(all) = &mut shown {
            for member in ["State", "LastUpdateStatus"] {
                all.remove(member);
            }
        }
        shown
    }

    pub fn alias(&self, name: &str, alias: &Alias) -> Value {
        json!({
            "AliasArn": format!("{}:{name}", self.arn),
            "Name": name,
            "FunctionVersion": alias.version,
            "Description": alias.description,
            "RevisionId": alias.revision,
        })
    }

    /// The files of all versions.
    pub fn code_files(&self) -> Vec<String> {
        self.all_versions()
            .map(|version| version.code.clone())
            .collect()
    }

    /// The version as the room that runs functions wants it.
    ///
    /// # Errors
    /// When there is no such runtime here.
    pub fn runnable(&self, version: &Version, code_dir: &Path) -> Outcome<lambda::Function> {
        let all = &version.configuration;
        let text = |name: &str| all.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str, usual: u64| {
            let number = all.get(name).and_then(Value::as_u64).unwrap_or(usual);
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        let runtime = text("Runtime");
        let variables = all
            .get("Environment")
            .and_then(|all| all["Variables"].as_object());
        let variables = variables.into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().unwrap_or_default();
            (name.clone(), value.to_owned())
        });
        Ok(lambda::Function {
            name: self.name.clone(),
            version: text("Version").to_owned(),
            arn: self.arn.clone(),
            runtime: lambda::Runtime::named(runtime, None).ok_or_else(|| {
                invalid(format!(
                    "Runtime {runtime} is not run by this version of daemun"
                ))
            })?,
            handler: text("Handler").to_owned(),
            code: lambda::Code::Zip(code_path(code_dir, &version.code)),
            environment: variables.collect(),
            timeout_ms: number("Timeout", TIMEOUT_S).saturating_mul(1_000),
            memory_mib: number("MemorySize", MEMORY_MIB),
            workers_max: self.concurrency.unwrap_or(WORKERS_MAX),
            workers_warm: 0,
        })
    }
}

impl Version {
    /// `$LATEST`, or the number.
    pub fn number(&self) -> &str {
        let number = self.configuration.get("Version").and_then(Value::as_str);
        number.unwrap_or_default()
    }
}

pub fn code_path(code_dir: &Path, name: &str) -> PathBuf {
    code_dir.join(name)
}

/// What a new function has that says nothing else.
pub fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "Description": "",
        "Timeout": TIMEOUT_S,
        "MemorySize": MEMORY_MIB,
        "Handler": "",
        "TracingConfig": { "Mode": "PassThrough" },
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "State": "Active",
        "LastUpdateStatus": "Successful",
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}
