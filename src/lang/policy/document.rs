//! Policy documents and their statements, as values that cannot be wrong.

use serde_json::{Map, Value};

use crate::lang::policy::condition::Condition;
use crate::lang::policy::pattern::{Pattern, Syntax};
use crate::lang::policy::unique::Unique;

/// Where a policy hangs: on a caller, or on what is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has no `Principal`, and always a `Resource`.
    Identity,
    /// Has a `Principal`, and maybe no `Resource`: then it means the one it hangs on.
    Resource,
    /// Of one caller, as a Lambda authorizer says it: as `Identity`, but a `Principal` that is
    /// everybody makes no difference.
    Authorizer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub id: Option<String>,
    pub statements: Vec<Statement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its place in the document, from zero.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    pub(crate) principals: Option<Choice<Principal>>,
    pub(crate) actions: Choice<Pattern>,
    pub(crate) resources: Option<Choice<ResourcePattern>>,
    pub(crate) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice<T> {
    AnyOf(Vec<T>),
    NoneOf(Vec<T>),
}

impl<T> Choice<T> {
    pub(crate) fn holds(&self, is: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::AnyOf(items) => items.iter().any(is),
            Self::NoneOf(items) => !items.iter().any(is),
        }
    }
}

impl Choice<Principal> {
    fn is_everybody(&self) -> bool {
        matches!(self, Self::AnyOf(all) if all.contains(&Principal::Everybody))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    Everybody,
    /// An account and everybody in it: its number or its `root`.
    Account(String),
    /// One user, role or session.
    Arn(String),
    Service(String),
    /// `Federated` and `CanonicalUser`, which nobody here is.
    Other,
}

/// The parts of an ARN are matched one by one, so that a `*` does not reach over a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourcePattern {
    Whole(Pattern),
    Parts([Pattern; 6]),
}

impl ResourcePattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Self {
        let parts: Vec<Pattern> = arn_parts(text, syntax.variables)
            .into_iter()
            .map(|part| Pattern::parse(part, syntax))
            .collect();
        <[Pattern; 6]>::try_from(parts)
            .map_or_else(|_| Self::Whole(Pattern::parse(text, syntax)), Self::Parts)
    }
}

/// Cuts at the first five colons; those inside `${aws:username}` are no borders.
fn arn_parts(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::with_capacity(6);
    let (mut start, mut inside) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if variables && text[..at].ends_with('$') => inside = true,
            b'}' => inside = false,
            b':' if !inside && parts.len() < 5 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// What is wrong, and where: `Statement[0].Condition.StringEquals`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PolicyError {
    pub place: String,
    pub what: String,
}

impl PolicyError {
    pub(crate) fn new(place: &str, what: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            what: what.into(),
        }
    }
}

type Fields = Map<String, Value>;

impl Policy {
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, PolicyError> {
        let Unique(value) = serde_json::from_str(text)
            .map_err(|error| PolicyError::new("document", error.to_string()))?;
        Self::from_value(&value, kind)
    }

    /// Whether a condition asks for a key that begins with `start`, which is in lower case.
    pub fn asks(&self, start: &str) -> bool {
        let mut statements = self.statements.iter();
        statements.any(|statement| {
            let mut conditions = statement.conditions.iter();
            conditions.any(|condition| condition.key().starts_with(start))
        })
    }

    /// Where an `Action` stands that can be none of this service: `Statement[0].Action`. What is
    /// excepted by `NotAction` may be anybody's.
    pub fn foreign_action(&self, service: &str) -> Option<String> {
        let is_foreign = |statement: &&Statement| match &statement.actions {
            Choice::AnyOf(actions) => !actions.iter().all(|action| action.may_be_of(service)),
            Choice::NoneOf(_) => false,
        };
        let found = self.statements.iter().find(is_foreign)?;
        Some(format!("Statement[{}].Action", found.index))
    }

    /// # Errors
    /// The first thing that is wrong.
    pub fn from_value(value: &Value, kind: Kind) -> Result<Self, PolicyError> {
        let fields = fields(value, "document")?;
        only(fields, "document", &["Version", "Id", "Statement"])?;
        let syntax = Syntax {
            wildcards: true,
            variables: match text(fields, "Version", "document")? {
                Some("2012-10-17") => true,
                Some("2008-10-17") | None => false,
                Some(other) => {
                    let what = format!("`{other}` is neither 2012-10-17 nor 2008-10-17");
                    return Err(PolicyError::new("Version", what));
                }
            },
        };
        let statements: Vec<&Value> = match fields.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(PolicyError::new("document", "`Statement` is needed")),
        };
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(index, value)| statement(index, value, kind, syntax))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: text(fields, "Id", "document")?.map(str::to_owned),
            statements,
        })
    }
}

fn statement(
    index: usize,
    value: &Value,
    kind: Kind,
    syntax: Syntax,
) -> Result<Statement, PolicyError> {
    let place = format!("Statement[{index}]");
    let place = place.as_str();
    let fields = fields(value, place)?;
    only(fields, place, STATEMENT_FIELDS)?;
    let effect = match text(fields, "Effect", place)? {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(PolicyError::new(place, "`Effect` is `Allow` or `Deny`")),
    };
    let principals = either(fields, "Principal", "NotPrincipal", place, principals)?;
    check_principals(kind, principals.as_ref(), place)?;
    let actions = either(fields, "Action", "NotAction", place, |value, place| {
        let actions = texts(value, place)?;
        // Actions hold no variables.
        let syntax = Syntax {
            variables: false,
            ..syntax
        };
        actions
            .iter()
            .map(|action| {
                if *action == "*" || action.contains(':') {
                    Ok(Pattern::parse(action, syntax))
                } else {
                    let what = format!("`{action}` is not `service:action`");
                    Err(PolicyError::new(place, what))
                }
            })
            .collect()
    })?
    .ok_or_else(|| PolicyError::new(place, "`Action` is needed"))?;
    let resources = either(fields, "Resource", "NotResource", place, |value, place| {
        Ok(texts(value, place)?
            .iter()
            .map(|text| ResourcePattern::parse(text, syntax))
            .collect())
    })?;
    if kind != Kind::Resource && resources.is_none() {
        return Err(PolicyError::new(place, "`Resource` is needed"));
    }
    let conditions = match fields.get("Condition") {
        Some(value) => conditions(value, &format!("{place}.Condition"), syntax)?,
        None => Vec::new(),
    };
    Ok(Statement {
        index,
        sid: text(fields, "Sid", place)?.map(str::to_owned),
        effect,
        principals,
        actions,
        resources,
        conditions,
    })
}

fn check_principals(
    kind: Kind,
    principals: Option<&Choice<Principal>>,
    place: &str,
) -> Result<(), PolicyError> {
    let what = match (kind, principals) {
        (Kind::Authorizer, Some(principals)) if principals.is_everybody() => return Ok(()),
        (Kind::Identity | Kind::Authorizer, Some(_)) => "an identity policy has no `Principal`",
        (Kind::Resource, None) => "a resource policy needs a `Principal`",
        _ => return Ok(()),
    };
    Err(PolicyError::new(place, what))
}

const STATEMENT_FIELDS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// An element or its negation, not both.
fn either<T>(
    fields: &Fields,
    name: &str,
    negated: &str,
    place: &str,
    read: impl Fn(&Value, &str) -> Result<Vec<T>, PolicyError>,
) -> Result<Option<Choice<T>>, PolicyError> {
    match (fields.get(name), fields.get(negated)) {
        (Some(_), Some(_)) => {
            let what = format!("`{name}` and `{negated}` exclude each other");
            Err(PolicyError::new(place, what))
        }
        (Some(value), None) => {
            let items = read(value, &format!("{place}.{name}"))?;
            Ok(Some(Choice::AnyOf(items)))
        }
        (None, Some(value)) => {
            let items = read(value, &format!("{place}.{negated}"))?;
            Ok(Some(Choice::NoneOf(items)))
        }
        (None, None) => Ok(None),
    }
}

fn principals(value: &Value, place: &str) -> Result<Vec<Principal>, PolicyError> {
    let Value::Object(groups) = value else {
        return match value.as_str() {
            Some("*") => Ok(vec![Principal::Everybody]),
            _ => Err(PolicyError::new(place, "is `*` or an object")),
        };
    };
    let mut principals = Vec::new();
    for (group, value) in groups {
        for name in texts(value, place)? {
            principals.push(match group.as_str() {
                "AWS" => aws_principal(name),
                "Service" => Principal::Service(name.to_owned()),
                "Federated" | "CanonicalUser" => Principal::Other,
                other => {
                    let what = format!("`{other}` is no kind of principal");
                    return Err(PolicyError::new(place, what));
                }
            });
        }
    }
    Ok(principals)
}

fn aws_principal(name: &str) -> Principal {
    if name == "*" {
        return Principal::Everybody;
    }
    if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Principal::Account(name.to_owned());
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, "root"] => Principal::Account(account.to_owned()),
        _ => Principal::Arn(name.to_owned()),
    }
}

/// One for each operator and key.
fn conditions(value: &Value, place: &str, syntax: Syntax) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for (operator, keys) in fields(value, place)? {
        let place = format!("{place}.{operator}");
        for (key, value) in fields(keys, &place)? {
            let place = format!("{place}.{key}");
            let values = scalars(value, &place)?;
            conditions.push(Condition::parse(operator, key, &values, syntax, &place)?);
        }
    }
    Ok(conditions)
}

fn fields<'v>(value: &'v Value, place: &str) -> Result<&'v Fields, PolicyError> {
    value
        .as_object()
        .ok_or_else(|| PolicyError::new(place, "is not an object"))
}

fn only(fields: &Fields, place: &str, known: &[&str]) -> Result<(), PolicyError> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(PolicyError::new(place, format!("`{name}` is unknown"))),
        None => Ok(()),
    }
}

fn text<'v>(fields: &'v Fields, name: &str, place: &str) -> Result<Option<&'v str>, PolicyError> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(PolicyError::new(place, format!("`{name}` is not a text"))),
    }
}

/// One text, or a list with at least one.
fn texts<'v>(value: &'v Value, place: &str) -> Result<Vec<&'v str>, PolicyError> {
    let texts = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    texts
        .filter(|texts| !texts.is_empty())
        .ok_or_else(|| PolicyError::new(place, "is neither a text nor a list of texts"))
}

/// One value or a list, as texts: numbers and booleans need no quotes.
fn scalars(value: &Value, place: &str) -> Result<Vec<String>, PolicyError> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(item.to_string()),
            _ => Err(PolicyError::new(place, "is not a text, number or boolean")),
        })
        .collect()
}
