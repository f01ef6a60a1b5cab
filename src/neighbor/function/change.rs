//! Operations on a function: made, shown, changed, published, deleted.

use serde_json::{Map, Value, json};

use crate::base::date;
use crate::control::{Error, Outcome, Scope};
use crate::lambda::{Runtime, VERSION_LATEST};
use crate::neighbor::function::path::{Operation, arn_of};
use crate::neighbor::function::record::{Function, Version, defaults};
use crate::neighbor::function::{
    Asked, FunctionApi, alias, code, conflict, environment, invalid, not_found, policy,
};
use crate::store::Expect;

/// Members that requests may set, as they are kept.
const SETTABLE: [&str; 15] = [
    "Runtime",
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "TracingConfig",
    "EphemeralStorage",
    "Layers",
    "LoggingConfig",
    "DeadLetterConfig",
    "Architectures",
    "VpcConfig",
    "KMSKeyArn",
];

/// Members of which nothing would be left here but their words.
const REFUSED: [(&str, &str); 3] = [
    ("Layers", "add their files to the code"),
    ("FileSystemConfigs", "mount it where the gateway runs"),
    ("ImageConfig", "functions are made of zips"),
];

impl FunctionApi {
    pub(super) async fn create(&self, asked: &Asked<'_>) -> Outcome<Value> {
        let name = asked.text("FunctionName").unwrap_or_default().to_owned();
        if !crate::aws::function::is_name(&name) {
            return Err(invalid(format!("'{name}' is not the name of a function")));
        }
        let Scope { account, region } = asked.scope;
        let owner = format!("{account}-{region}-{name}");
        let already = conflict(format!("Function already exist: {name}"));
        if self.functions.is_configured(&arn_of(asked.scope, &name)) {
            return Err(already);
        }
        let uploaded = self.upload(&owner, &asked.input["Code"]["ZipFile"]).await?;
        let mut function = Function {
            arn: arn_of(asked.scope, &name),
            name: name.clone(),
            next_version: 1,
            ..Function::default()
        };
        let mut configuration = defaults();
        configuration.insert("FunctionName".to_owned(), name.clone().into());
        configuration.insert("Version".to_owned(), VERSION_LATEST.into());
        let log = json!({ "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") });
        configuration.insert("LoggingConfig".to_owned(), log);
        function.latest.configuration = configuration;
        set(&mut function.latest.configuration, asked)?;
        with_code(&mut function.latest, &uploaded);
        stamp(&mut function.latest, asked);
        function.tags = alias::texts(&asked.input["Tags"]);
        function.runnable(&function.latest, &self.code_dir)?;
        if asked.input["Publish"] == true {
            publish(&mut function, asked);
        }
        let shown = function
            .versions
            .values()
            .next()
            .unwrap_or(&function.latest);
        let output = function.configuration(shown, None);
        let (key, kept) = (asked.key_of(&name), function.clone());
        self.store
            .change(move |change| {
                if change.view().get(&key)?.is_some() {
                    return Err(already);
                }
                Ok::<(), Error>(change.put(&key, Expect::Absent, &kept.bytes()?)?)
            })
            .await?;
        self.run(&function);
        Ok(output)
    }

    pub(super) async fn update_code(&self, asked: &Asked<'_>) -> Outcome<Value> {
        let mut function = self.find(asked).await?;
        let before = function.code_files();
        let Scope { account, region } = asked.scope;
        let owner = format!("{account}-{region}-{}", asked.call.name);
        if asked.input["DryRun"] == true {
            let (uploaded, _) = code::read(&owner, &asked.input["ZipFile"])?;
            is_expected(&function, asked.expected().as_deref())?;
            with_code(&mut function.latest, &uploaded);
            return Ok(function.configuration(&function.latest, None));
        }
        let uploaded = self.upload(&owner, &asked.input["ZipFile"]).await?;
        let change = move |function: &mut Function| {
            with_code(&mut function.latest, &uploaded);
            Ok(())
        };
        let (function, _, output) = self.apply(asked, change).await?;
        self.run(&function);
        self.forget(&before, &function.code_files());
        Ok(output)
    }

    pub(super) async fn delete(&self, asked: &Asked<'_>) -> Outcome<(u16, Value)> {
        let before = self.find(asked).await?;
        if let Some(qualifier) = &asked.call.qualifier {
            let number = numbered(qualifier)?;
            let change = move |function: &mut Function| {
                let is_named = |alias: &super::record::Alias| alias.version == number.to_string();
                if function.aliases.values().any(is_named) {
                    return Err(conflict("Version is referenced by an alias"));
                }
                function.versions.remove(&number);
                Ok(())
            };
            let (function, ..) = self.apply(asked, change).await?;
            self.functions.remove(&function.arn, Some(qualifier));
            self.forget(&before.code_files(), &function.code_files());
            return Ok((204, Value::Null));
        }
        let key = asked.key();
        self.store
            .change(move |change| Ok::<bool, Error>(change.delete(&key, Expect::Any)?))
            .await?;
        self.functions.remove(&before.arn, None);
        self.forget(&before.code_files(), &[]);
        Ok((204, Value::Null))
    }

    /// One transaction: `first`, then what the operation does.
    pub(super) async fn apply(
        &self,
        asked: &Asked<'_>,
        first: impl FnOnce(&mut Function) -> Outcome<()> + Send + 'static,
    ) -> Outcome<(Function, u16, Value)> {
        let own = Own {
            operation: asked.call.operation,
            third: asked.call.third().to_owned(),
            qualifier: asked.call.qualifier.clone(),
            tag_keys: asked.call.queries("tagKeys").map(str::to_owned).collect(),
            input: asked.input.clone(),
            expected: asked.expected(),
            now_ms: asked.now_ms,
            revision: asked.revision.clone(),
        };
        let (key, missing) = (asked.key(), not_found(&asked.call.resource));
        self.store
            .change(move |change| {
                let entry = change.view().get(&key)?.ok_or(missing)?;
                let mut function = Function::read(&entry.bytes)?;
                if own.operation != Operation::UpdateAlias {
                    is_expected(&function, own.expected.as_deref())?;
                }
                first(&mut function)?;
                let (status, output) = act(&mut function, &own)?;
                change.put(&key, Expect::Present, &function.bytes()?)?;
                Ok::<_, Error>((function, status, output))
            })
            .await
    }
}

/// What a transaction needs of a request.
pub(super) struct Own {
    operation: Operation,
    pub third: String,
    pub qualifier: Option<String>,
    pub tag_keys: Vec<String>,
    pub input: Value,
    /// The revision that the caller wants to change.
    pub expected: Option<String>,
    now_ms: u64,
    pub revision: String,
}

fn act(function: &mut Function, own: &Own) -> Outcome<(u16, Value)> {
    match own.operation {
        Operation::UpdateFunctionConfiguration => {
            set_members(&mut function.latest.configuration, &own.input)?;
            stamp_as(&mut function.latest, own.now_ms, &own.revision);
            Ok((200, function.configuration(&function.latest, None)))
        }
        Operation::UpdateFunctionCode => {
            stamp_as(&mut function.latest, own.now_ms, &own.revision);
            if own.input["Publish"] == true {
                let version = publish_as(function, own.now_ms, &own.revision, None);
                return Ok((
                    200,
                    function.configuration(&version, Some(version.number())),
                ));
            }
            Ok((200, function.configuration(&function.latest, None)))
        }
        Operation::PublishVersion => {
            is_code(function, own.input["CodeSha256"].as_str())?;
            let description = own.input["Description"].as_str();
            let version = publish_as(function, own.now_ms, &own.revision, description);
            Ok((
                201,
                function.configuration(&version, Some(version.number())),
            ))
        }
        Operation::PutFunctionConcurrency => {
            let most = own.input["ReservedConcurrentExecutions"].as_u64();
            let most = most
                .and_then(|most| u32::try_from(most).ok())
                .ok_or_else(|| {
                    invalid("ReservedConcurrentExecutions must be a whole number from 0 on")
                })?;
            function.concurrency = Some(most);
            Ok((200, json!({ "ReservedConcurrentExecutions": most })))
        }
        Operation::DeleteFunctionConcurrency => {
            function.concurrency = None;
            Ok((204, Value::Null))
        }
        Operation::CreateAlias | Operation::UpdateAlias | Operation::DeleteAlias => {
            alias::change(function, own, own.operation)
        }
        Operation::AddPermission => policy::add(function, own),
        Operation::RemovePermission => policy::remove(function, own),
        Operation::TagResource => {
            function.tags.extend(alias::texts(&own.input["Tags"]));
            Ok((204, Value::Null))
        }
        Operation::UntagResource => {
            function.tags.retain(|key, _| !own.tag_keys.contains(key));
            Ok((204, Value::Null))
        }
        _ => Ok((200, Value::Null)),
    }
}

/// Operations that only look.
pub(super) fn show(function: &Function, asked: &Asked<'_>) -> Outcome<(u16, Value)> {
    let qualifier = asked.call.qualifier.as_deref();
    let shown = || {
        let version = function.version(qualifier)?;
        Ok::<_, Error>(function.configuration(version, qualifier))
    };
    let output = match asked.call.operation {
        Operation::GetFunctionConfiguration => shown()?,
        Operation::GetFunction => {
            let mut output = json!({
                "Configuration": shown()?,
                "Code": { "RepositoryType": "S3", "Location": "" },
            });
            if !function.tags.is_empty() {
                output["Tags"] = json!(function.tags);
            }
            if let Some(most) = function.concurrency {
                output["Concurrency"] = json!({ "ReservedConcurrentExecutions": most });
            }
            output
        }
        Operation::ListVersionsByFunction => {
            let all = function.all_versions();
            let all: Vec<Value> = all.map(|version| function.listed(version)).collect();
            json!({ "Versions": all })
        }
        Operation::GetFunctionConcurrency => match function.concurrency {
            Some(most) => json!({ "ReservedConcurrentExecutions": most }),
            None => json!({}),
        },
        Operation::GetFunctionCodeSigningConfig => json!({ "FunctionName": function.name }),
        Operation::ListTags => json!({ "Tags": function.tags }),
        Operation::GetPolicy => policy::show(function, qualifier)?,
        Operation::ListAliases => alias::list(function, asked.call.query("FunctionVersion")),
        _ => alias::show(function, asked.call.third())?,
    };
    Ok((200, output))
}

/// The version that is to be deleted.
fn numbered(qualifier: &str) -> Outcome<u64> {
    qualifier.parse().map_err(|_| {
        invalid(match qualifier {
            VERSION_LATEST => "$LATEST version cannot be deleted without deleting the function.",
            _ => "Deletion of aliases is not currently supported.",
        })
    })
}

/// AWS publishes only the code that the caller has in mind, if it says so.
fn is_code(function: &Function, expected: Option<&str>) -> Outcome<()> {
    let own = function.latest.configuration.get("CodeSha256");
    let own = own.and_then(Value::as_str).unwrap_or_default();
    match expected {
        Some(other) if other != own && !other.is_empty() => Err(invalid(format!(
            "CodeSHA256 ({other}) is different from current CodeSHA256 in $LATEST ({own}). Please \
             try again with the CodeSHA256 in $LATEST."
        ))),
        _ => Ok(()),
    }
}

/// AWS: "Update the function only if the revision ID matches the ID that's specified."
fn is_expected(function: &Function, expected: Option<&str>) -> Outcome<()> {
    let revision = function.latest.configuration.get("RevisionId");
    is_revision(revision.and_then(Value::as_str), expected)
}

pub(super) fn is_revision(own: Option<&str>, expected: Option<&str>) -> Outcome<()> {
    match expected.is_none() || expected == own {
        true => Ok(()),
        false => Err(Error {
            status: 412,
            code: "PreconditionFailedException",
            message: "The Revision Id provided does not match the latest Revision Id. Call the \
                      GetFunction/GetAlias API to retrieve the latest Revision Id"
                .to_owned(),
        }),
    }
}

impl Asked<'_> {
    fn expected(&self) -> Option<String> {
        let written = self.text("RevisionId");
        let written = written.or_else(|| self.call.query("RevisionId"));
        written.map(str::to_owned)
    }

    fn key_of(&self, name: &str) -> crate::store::Key {
        let Scope { account, region } = self.scope;
        crate::store::Key::new(account, region, super::record::KIND, name)
    }
}

fn set(configuration: &mut Map<String, Value>, asked: &Asked<'_>) -> Outcome<()> {
    for needed in ["Runtime", "Role"] {
        if asked.text(needed).is_none() {
            return Err(invalid(format!(
                "{needed} is mandatory for functions of package type Zip"
            )));
        }
    }
    set_members(configuration, &asked.input)
}

fn set_members(configuration: &mut Map<String, Value>, input: &Value) -> Outcome<()> {
    for (member, instead) in REFUSED {
        let is_set = match &input[member] {
            Value::Array(all) => !all.is_empty(),
            Value::Object(all) => !all.is_empty(),
            _ => false,
        };
        if is_set {
            let message = format!("{member} is not served by this version of daemun: {instead}");
            return Err(invalid(message));
        }
    }
    for member in SETTABLE {
        if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
            configuration.insert(member.to_owned(), value.clone());
        }
    }
    let runtime = configuration
        .get("Runtime")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if Runtime::named(runtime, None).is_none() {
        let message = format!("Runtime {runtime} is not run by this version of daemun");
        return Err(invalid(message));
    }
    let within = |name: &str, least: u64, most: u64| {
        let value = configuration.get(name);
        let fits = |value: &Value| (least..=most).contains(&value.as_u64().unwrap_or(0));
        match value.is_none_or(fits) {
            true => Ok(()),
            false => Err(invalid(format!(
                "{name} must be between {least} and {most}"
            ))),
        }
    };
    within("Timeout", 1, 900)?;
    within("MemorySize", 128, 10_240)?;
    if let Some(all) = configuration.get("Architectures")
        && ![json!(["x86_64"]), json!(["arm64"])].contains(all)
    {
        return Err(invalid("Architectures must be [\"x86_64\"] or [\"arm64\"]"));
    }
    let environment = configuration.get("Environment");
    environment::check(environment.map_or(&Value::Null, |all| &all["Variables"]))
}

fn with_code(version: &mut Version, uploaded: &code::Uploaded) {
    let all = &mut version.configuration;
    all.insert("CodeSize".to_owned(), uploaded.bytes.into());
    all.insert("CodeSha256".to_owned(), uploaded.sha256.clone().into());
    version.code.clone_from(&uploaded.file);
}

fn stamp(version: &mut Version, asked: &Asked<'_>) {
    stamp_as(version, asked.now_ms, &asked.revision);
}

/// `2026-11-22T12:00:00.000+0000`.
fn stamp_as(version: &mut Version, now_ms: u64, revision: &str) {
    let day = date::iso8601(now_ms);
    let time = format!("{}.{:03}+0000", day.trim_end_matches('Z'), now_ms % 1_000);
    let all = &mut version.configuration;
    all.insert("LastModified".to_owned(), time.into());
    all.insert("RevisionId".to_owned(), revision.into());
}

fn publish(function: &mut Function, asked: &Asked<'_>) {
    publish_as(function, asked.now_ms, &asked.revision, None);
}

/// AWS publishes no second version of the same code and configuration.
fn publish_as(
    function: &mut Function,
    now_ms: u64,
    revision: &str,
    description: Option<&str>,
) -> Version {
    let bare = |version: &Version| {
        let mut version = version.clone();
        let all = &mut version.configuration;
        for own in ["Version", "LastModified", "RevisionId"] {
            all.remove(own);
        }
        if let Some(description) = version.latest_description.take() {
            all.insert("Description".to_owned(), description);
        }
        version
    };
    let mut next = function.latest.clone();
    let last = function.versions.values().next_back();
    if let Some(last) = last.filter(|last| bare(last) == bare(&next)) {
        return last.clone();
    }
    if let Some(description) = description {
        let all = &mut next.configuration;
        next.latest_description = all.insert("Description".to_owned(), description.into());
    }
    let number = function.next_version.max(1);
    function.next_version = number + 1;
    next.configuration
        .insert("Version".to_owned(), number.to_string().into());
    stamp_as(&mut next, now_ms, revision);
    function.versions.insert(number, next.clone());
    next
}
