//! Lambda's own API: functions are made, changed, named and invoked here, and run by the room
//! `lambda`. (AWS: "Lambda API reference".)
//!
//! `path` says which operation a request is, `record` what is kept of a function, `change` and
//! `alias` what operations do with it, `invoke` runs it, `streamed` while the caller reads.

mod alias;
mod change;
mod code;
mod environment;
mod invoke;
mod path;
mod policy;
mod record;
mod streamed;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::base::Clock;
use crate::base::id::ResourceIds;
use crate::control::{Answer, Caller, Error, Outcome, Request, Scope};
use crate::lambda::Functions;
use crate::neighbor::function::path::{Call, Operation};
use crate::neighbor::function::record::Function;
pub use crate::neighbor::function::streamed::Given;
use crate::store::{Key, Prefix, Store};

/// Lambda's API over a store.
#[derive(Debug)]
pub struct FunctionApi {
    store: Store,
    functions: Functions,
    /// Where uploaded code is kept.
    code_dir: PathBuf,
    ids: Mutex<ResourceIds>,
}

/// One request: who asks for what.
struct Asked<'a> {
    scope: &'a Scope,
    call: &'a Call,
    input: Value,
    now_ms: u64,
    /// For what this request writes.
    revision: String,
}

impl FunctionApi {
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(store: Store, functions: Functions, code_dir: PathBuf) -> std::io::Result<Self> {
        Ok(Self {
            store,
            functions,
            code_dir,
            ids: Mutex::new(ResourceIds::from_system()?),
        })
    }

    /// Makes all functions that are kept ready to run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(&self) -> Outcome<()> {
        let page = self
            .store
            .list(Prefix::everything(), None, usize::MAX)
            .await?;
        for entry in page.entries {
            if entry.key.kind == record::KIND {
                let function = Function::read(&entry.bytes)?;
                self.run(&function);
            }
        }
        Ok(())
    }

    /// Tells the room that runs functions of all versions and aliases of this one.
    fn run(&self, function: &Function) {
        for version in function.all_versions() {
            match function.runnable(version, &self.code_dir) {
                Ok(runnable) => self.functions.put(runnable),
                Err(error) => {
                    let (name, why) = (&function.name, error.message);
                    tracing::error!(function = name, why, "a function cannot be run");
                }
            }
        }
        self.functions
            .permit(&function.arn, policy::permits(function));
        for (alias, kept) in &function.aliases {
            self.functions
                .alias(&function.arn, alias, Some(&kept.version));
        }
    }

    /// Answers a request; what it changed is durable before the answer goes out.
    pub async fn call(&self, caller: &Caller, request: &Request) -> Given {
        match self.outcome(caller, request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(
                    code = error.code,
                    message = error.message,
                    "refused by lambda"
                );
                crate::control::refused(&error).into()
            }
        }
    }

    async fn outcome(&self, caller: &Caller, request: &Request) -> Outcome<Given> {
        let call = Call::of(request, &caller.scope)?;
        caller.may(&call.operation.action(), &call.resource)?;
        match call.operation {
            Operation::Invoke => return Ok(self.invoke(&call, request).await?.into()),
            Operation::InvokeWithResponseStream => {
                return self.invoke_streamed(&call, request).await;
            }
            _ => {}
        }
        let input = match request.body.as_slice() {
            [] => json!({}),
            body => serde_json::from_slice(body)
                .map_err(|_| Error::serialization("Could not parse request body into json"))?,
        };
        let revision = self
            .ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .uuid();
        let asked = Asked {
            scope: &caller.scope,
            call: &call,
            input,
            now_ms: Clock::real().epoch_ms(),
            revision,
        };
        let (status, output) = self.operate(&asked).await?;
        let answer = Answer {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: match output {
                Value::Null => Vec::new(),
                output => output.to_string().into_bytes(),
            },
        };
        Ok(answer.into())
    }

    async fn operate(&self, asked: &Asked<'_>) -> Outcome<(u16, Value)> {
        match asked.call.operation {
            Operation::ListFunctions => Ok((200, self.list(asked).await?)),
            Operation::CreateFunction => Ok((201, self.create(asked).await?)),
            Operation::DeleteFunction => self.delete(asked).await,
            Operation::UpdateFunctionCode => Ok((200, self.update_code(asked).await?)),
            Operation::GetAccountSettings => Ok((200, self.account_settings(asked).await?)),
            operation if operation.is_read() => {
                let function = self.find(asked).await?;
                change::show(&function, asked)
            }
            _ => self.change(asked).await,
        }
    }

    async fn find(&self, asked: &Asked<'_>) -> Outcome<Function> {
        let key = asked.key();
        let entry = self.store.get(key).await?;
        let entry = entry.ok_or_else(|| not_found(&asked.call.resource))?;
        Function::read(&entry.bytes)
    }

    async fn list(&self, asked: &Asked<'_>) -> Outcome<Value> {
        let Scope { account, region } = asked.scope;
        let prefix = Prefix::kind(account, region, record::KIND);
        let wanted = asked.call.number("MaxItems").unwrap_or(50).clamp(1, 10_000);
        let after = asked.call.query("Marker");
        let after = after.map(|name| Key::new(account, region, record::KIND, name));
        let page = self.store.list(prefix, after, wanted).await?;
        let shows_versions = match asked.call.query("FunctionVersion") {
            None => false,
            Some("ALL") => true,
            Some(other) => {
                return Err(invalid(format!(
                    "FunctionVersion is ALL or nothing, not '{other}'"
                )));
            }
        };
        let mut functions = Vec::new();
        for entry in &page.entries {
            let function = Function::read(&entry.bytes)?;
            if shows_versions {
                functions.extend(
                    function
                        .all_versions()
                        .map(|version| function.listed(version)),
                );
            } else {
                let mut latest = function.listed(&function.latest);
                latest["FunctionArn"] = function.arn.as_str().into();
                functions.push(latest);
            }
        }
        let next = page.next.map(|key| key.id);
        Ok(json!({ "Functions": functions, "NextMarker": next }))
    }

    /// What AWS gives an account, and what this one has.
    async fn account_settings(&self, asked: &Asked<'_>) -> Outcome<Value> {
        let Scope { account, region } = asked.scope;
        let prefix = Prefix::kind(account, region, record::KIND);
        let page = self.store.list(prefix, None, usize::MAX).await?;
        let mut code_bytes = 0;
        for entry in &page.entries {
            let function = Function::read(&entry.bytes)?;
            let sizes = function
                .all_versions()
                .map(|version| &version.configuration);
            let sizes = sizes.filter_map(|all| all.get("CodeSize")?.as_u64());
            code_bytes += sizes.sum::<u64>();
        }
        Ok(json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": 1_000,
                "UnreservedConcurrentExecutions": 1_000,
            },
            "AccountUsage": { "TotalCodeSize": code_bytes, "FunctionCount": page.entries.len() },
        }))
    }

    /// Reads, changes and writes a function in one transaction, then has it run.
    async fn change(&self, asked: &Asked<'_>) -> Outcome<(u16, Value)> {
        let (function, status, output) = self.apply(asked, |_| Ok(())).await?;
        self.run(&function);
        if asked.call.operation == Operation::DeleteAlias {
            let alias = asked.call.third();
            self.functions.alias(&function.arn, alias, None);
        }
        Ok((status, output))
    }
}

impl Asked<'_> {
    fn key(&self) -> Key {
        let Scope { account, region } = self.scope;
        Key::new(account, region, record::KIND, &self.call.name)
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.input[member].as_str()
    }
}

fn not_found(resource: &str) -> Error {
    Error {
        status: 404,
        code: "ResourceNotFoundException",
        message: format!("Function not found: {resource}"),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error {
        status: 400,
        code: "InvalidParameterValueException",
        message: message.into(),
    }
}

fn conflict(message: impl Into<String>) -> Error {
    Error {
        status: 409,
        code: "ResourceConflictException",
        message: message.into(),
    }
}
