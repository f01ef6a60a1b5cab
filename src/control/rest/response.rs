//! Method responses and integration responses.

use serde_json::{Map, Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text, within};
use crate::control::error::{Error, Outcome};
use crate::control::patch::{ANY, As, Family, Patch, Rules};
use crate::control::protocol::Input;
use crate::control::rest::method::{self, Found};
use crate::control::rest::noun::given;
use crate::control::rest::{integration, resource};
use crate::lang::pattern::Pattern;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("PutMethodResponse", put_of_method),
    ("GetMethodResponse", |desk, input| {
        of_method(&method::find(desk, input)?, input).map(Value::Object)
    }),
    ("UpdateMethodResponse", update_of_method),
    ("DeleteMethodResponse", delete_of_method),
    ("PutIntegrationResponse", put_of_integration),
    ("GetIntegrationResponse", |desk, input| {
        of_integration(&integration::find(desk, input)?, input).map(Value::Object)
    }),
    ("UpdateIntegrationResponse", update_of_integration),
    ("DeleteIntegrationResponse", delete_of_integration),
];

const OF_METHOD: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/responseParameters/*", As::Flag, ANY),
        ("/responseModels/*", As::Text, ANY),
    ],
};

const OF_INTEGRATION: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/selectionPattern", As::Text, ANY),
        ("/contentHandling", integration::CONTENT_HANDLING, ANY),
        ("/responseParameters/*", As::Text, ANY),
        ("/responseTemplates/*", As::Text, ANY),
    ],
};

const PARAMETERS: &str = "responseParameters";
const METHOD: &str = "methodResponses";
const INTEGRATION: &str = "integrationResponses";

fn missing() -> Error {
    Error::not_found("Invalid Response status code specified")
}

fn of_method(found: &Found, input: &Input) -> Outcome<Record> {
    let all = found.part(METHOD);
    let own = all.and_then(|all| all.get(input.given("statusCode")));
    own.and_then(Value::as_object).cloned().ok_or_else(missing)
}

fn put_of_method(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = method::find(desk, input)?;
    if of_method(&found, input).is_ok() {
        return Err(Error::conflict("Response already exists for this resource"));
    }
    let record = given(
        input,
        &["statusCode", "responseParameters", "responseModels"],
    );
    keep(&mut found.method, METHOD, input, record.clone());
    found.put(desk)?;
    Ok(Value::Object(record))
}

fn update_of_method(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = method::find(desk, input)?;
    let mut record = of_method(&found, input)?;
    for patch in Patch::all(input) {
        check_removal(
            &record,
            &patch,
            PARAMETERS,
            "Invalid parameter name specified",
        )?;
        check_removal(
            &record,
            &patch,
            "responseModels",
            "Content-Type specified was not found",
        )?;
        OF_METHOD.apply_one(&mut record, &patch)?;
    }
    keep(&mut found.method, METHOD, input, record.clone());
    found.put(desk)?;
    Ok(Value::Object(record))
}

/// What is not there cannot be removed.
fn check_removal(record: &Record, patch: &Patch, list: &str, message: &str) -> Outcome<()> {
    match patch.segments().as_slice() {
        [first, name] if first == list && patch.op == "remove" => {
            match record.get(list).is_some_and(|all| all.get(name).is_some()) {
                true => Ok(()),
                false => Err(Error::not_found(message)),
            }
        }
        _ => Ok(()),
    }
}

fn delete_of_method(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = method::find(desk, input)?;
    of_method(&found, input)?;
    forget(&mut found.method, METHOD, input);
    found.put(desk)?;
    Ok(Value::Null)
}

fn of_integration(found: &Found, input: &Input) -> Outcome<Record> {
    let integration = found.part(integration::PART);
    let all = integration.and_then(|integration| integration.get(INTEGRATION));
    let own = all.and_then(|all| all.get(input.given("statusCode")));
    own.and_then(Value::as_object).cloned().ok_or_else(missing)
}

/// A second one replaces the first completely.
fn put_of_integration(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = integration::find(desk, input)?;
    let mut record = given(
        input,
        &[
            "statusCode",
            "selectionPattern",
            "responseParameters",
            "responseTemplates",
            "contentHandling",
        ],
    );
    // A template without a text is none.
    let templates = record.get_mut("responseTemplates");
    let templates = templates.and_then(Value::as_object_mut);
    for template in templates.into_iter().flat_map(Map::values_mut) {
        if template == "" {
            *template = Value::Null;
        }
    }
    check_of_integration(&record)?;
    check_declared(&found, input, &record, None)?;
    keep_in_integration(&mut found, input, record.clone());
    found.put(desk)?;
    Ok(Value::Object(record))
}

/// Headers are mapped to those of the method's response alone. "It must have been defined before
/// it can be referenced." What the response had `before` stays as it was.
fn check_declared(
    found: &Found,
    input: &Input,
    record: &Record,
    before: Option<&Record>,
) -> Outcome<()> {
    let response = of_method(found, input).ok();
    let declared = response.as_ref().and_then(|own| own.get(PARAMETERS));
    let had = before.and_then(|before| before.get(PARAMETERS));
    let mapped = record.get(PARAMETERS).and_then(Value::as_object);
    for (name, source) in mapped.into_iter().flatten() {
        let is_kept = had.is_some_and(|had| had.get(name) == Some(source));
        if is_kept || declared.is_some_and(|all| all.get(name).is_some()) {
            continue;
        }
        return Err(match response {
            Some(_) => integration::wrong_mapping("expression parameter specified", name),
            None => Error::bad_request(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : \
                 [No method response exists for method.]",
            ),
        });
    }
    Ok(())
}

/// A pattern that is none is refused here, where its place is known, and not only when it is
/// deployed: what AWS says of one is not known.
fn check_of_integration(record: &Record) -> Outcome<()> {
    let pattern = text(record, "selectionPattern");
    if let Err(error) = Pattern::full(pattern) {
        let message = format!("Invalid selection pattern specified: `{pattern}`: {error}");
        return Err(Error::bad_request(message));
    }
    let templates = record.get("responseTemplates").and_then(Value::as_object);
    for content in templates.into_iter().flat_map(Map::keys) {
        integration::check_content_type(content)?;
    }
    let parameters = record.get(PARAMETERS);
    integration::check_mapping(
        parameters,
        "method.response.header.",
        "integration.response.",
    )
}

fn update_of_integration(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = integration::find(desk, input)?;
    let mut record = of_integration(&found, input)?;
    let before = record.clone();
    OF_INTEGRATION.apply(&mut record, &Patch::all(input))?;
    check_of_integration(&record)?;
    check_declared(&found, input, &record, Some(&before))?;
    keep_in_integration(&mut found, input, record.clone());
    found.put(desk)?;
    Ok(Value::Object(record))
}

/// A method that is not there is told as one without an integration.
fn delete_of_integration(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    resource::find(desk, input)?;
    let missing_integration = || Error::not_found("Invalid Integration identifier specified");
    let mut found = integration::find(desk, input).map_err(|_| missing_integration())?;
    of_integration(&found, input)?;
    within(&mut found.method, integration::PART, |integration| {
        forget(integration, INTEGRATION, input);
    });
    found.put(desk)?;
    Ok(Value::Null)
}

fn keep_in_integration(found: &mut Found, input: &Input, record: Record) {
    within(&mut found.method, integration::PART, |integration| {
        keep(integration, INTEGRATION, input, record);
    });
}

fn keep(owner: &mut Record, list: &str, input: &Input, record: Record) {
    within(owner, list, |all| {
        all.insert(input.given("statusCode").to_owned(), json!(record));
    });
}

fn forget(owner: &mut Record, list: &str, input: &Input) {
    let is_last = within(owner, list, |all| {
        all.shift_remove(input.given("statusCode"));
        all.is_empty()
    });
    if is_last {
        owner.shift_remove(list);
    }
}
