//! Method and method response operations. Methods live inside of their resource.

use serde_json::{Map, Value};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text, within};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, LIST, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::{integration, resource};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("PutMethod", put),
    ("GetMethod", |desk, input| {
        find(desk, input).map(|found| Value::Object(found.method))
    }),
    ("UpdateMethod", update),
    ("DeleteMethod", delete),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/authorizationType", As::Text, REPLACE),
        ("/authorizerId", As::Text, REPLACE),
        ("/apiKeyRequired", As::Flag, REPLACE),
        ("/operationName", As::Text, REPLACE),
        ("/requestValidatorId", As::Text, REPLACE),
        ("/requestParameters/*", As::Flag, ANY),
        ("/requestModels/*", As::Text, ANY),
        ("/authorizationScopes", As::List, LIST),
    ],
};

pub const VERBS: &[&str] = &[
    "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY",
];

/// A method, and what is needed to write it back.
pub struct Found {
    key: String,
    pub resource: Record,
    pub verb: String,
    pub method: Record,
}

/// The method that the path names.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Found> {
    let (key, resource) = resource::find(desk, input)?;
    let verb = input.given("httpMethod").to_owned();
    let method = resource
        .get(METHODS)
        .and_then(|methods| methods[&verb].as_object());
    let missing = || Error::not_found("Invalid Method identifier specified");
    Ok(Found {
        method: method.cloned().ok_or_else(missing)?,
        key,
        verb,
        resource,
    })
}

impl Found {
    pub fn put(mut self, desk: &mut Desk<'_>) -> Outcome<Record> {
        let method = self.method.clone();
        within(&mut self.resource, METHODS, |methods| {
            methods.insert(self.verb, Value::Object(self.method));
        });
        desk.put(kind::RESOURCE, &self.key, &self.resource)?;
        Ok(method)
    }

    /// The id of the resource.
    pub fn resource_id(&self) -> &str {
        text(&self.resource, "id")
    }

    /// The object of this name inside of the method.
    pub fn part(&self, name: &str) -> Option<&Record> {
        self.method.get(name).and_then(Value::as_object)
    }
}

const METHODS: &str = "resourceMethods";

fn put(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut resource) = resource::find(desk, input)?;
    let verb = input.given("httpMethod");
    if !VERBS.contains(&verb) {
        return Err(Error::bad_request(
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
        ));
    }
    let is_there = |methods: &mut Record| methods.contains_key(verb);
    if within(&mut resource, METHODS, is_there) {
        return Err(Error::conflict("Method already exists for this resource"));
    }
    let mut record = given(
        input,
        &[
            "authorizationType",
            "authorizerId",
            "apiKeyRequired",
            "operationName",
            "requestParameters",
            "requestModels",
            "requestValidatorId",
            "authorizationScopes",
        ],
    );
    record.insert("httpMethod".to_owned(), verb.into());
    let required = record.entry("apiKeyRequired");
    required.or_insert(false.into());
    check(desk, input, &record)?;
    within(&mut resource, METHODS, |methods| {
        methods.insert(verb.to_owned(), Value::Object(record.clone()));
    });
    desk.put(kind::RESOURCE, &key, &resource)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = find(desk, input)?;
    RULES.apply(&mut found.method, &Patch::all(input))?;
    check(desk, input, &found.method)?;
    // An authorizer for callers that nobody asks is left out.
    if !is_custom(&found.method) {
        found.method.shift_remove("authorizerId");
    }
    found.put(desk).map(Value::Object)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = find(desk, input)?;
    let is_last = within(&mut found.resource, METHODS, |methods| {
        methods.shift_remove(&found.verb);
        methods.is_empty()
    });
    if is_last {
        found.resource.shift_remove(METHODS);
    }
    desk.put(kind::RESOURCE, &found.key, &found.resource)?;
    Ok(Value::Null)
}

fn is_custom(record: &Record) -> bool {
    matches!(
        text(record, "authorizationType"),
        "CUSTOM" | "COGNITO_USER_POOLS"
    )
}

fn check(desk: &Desk<'_>, input: &Input, record: &Record) -> Outcome<()> {
    let authorization = text(record, "authorizationType");
    if !["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"].contains(&authorization) {
        return Err(Error::bad_request("Invalid authorization type specified"));
    }
    if is_custom(record) {
        let id = text(record, "authorizerId");
        let found = noun::below(desk, input, kind::AUTHORIZER, id)?.1;
        if id.is_empty() || found.is_none() {
            return Err(Error::bad_request(
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or \
                 COGNITO_USER_POOLS requires a valid authorizer.",
            ));
        }
    }
    let validator = text(record, "requestValidatorId");
    if !validator.is_empty()
        && noun::below(desk, input, kind::VALIDATOR, validator)?
            .1
            .is_none()
    {
        let message = "Invalid Request Validator identifier specified";
        return Err(Error::bad_request(message));
    }
    let models = record.get("requestModels").and_then(Value::as_object);
    for name in models.into_iter().flat_map(Map::values) {
        let name = name.as_str().unwrap_or_default();
        if noun::below(desk, input, kind::MODEL, name)?.1.is_none() {
            let message = format!("Invalid model identifier specified: {name}");
            return Err(Error::bad_request(message));
        }
    }
    check_parameters(record)
}

fn check_parameters(record: &Record) -> Outcome<()> {
    let parameters = record.get("requestParameters").and_then(Value::as_object);
    let mut names = Vec::new();
    for expression in parameters.into_iter().flat_map(Map::keys) {
        let places = [
            "querystring.",
            "header.",
            "path.",
            "multivaluequerystring.",
            "multivalueheader.",
        ];
        let rest = expression.strip_prefix("method.request.");
        let name = rest.and_then(|rest| places.iter().find_map(|place| rest.strip_prefix(place)));
        let Some(name) = name else {
            return Err(integration::wrong_mapping(
                "expression specified",
                expression,
            ));
        };
        if names.contains(&name) {
            return Err(Error::bad_request(
                "Parameter names must be unique across querystring, header and path",
            ));
        }
        names.push(name);
    }
    Ok(())
}
