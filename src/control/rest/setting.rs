//! Method settings of stages, by `{path}/{verb}` or `*/*`: what is patched below a stage and the
//! words in which AWS refuses it.

use serde_json::{Value, json};

use crate::control::desk::{Record, within};
use crate::control::error::{Error, Outcome};
use crate::control::patch::{self, As, Patch};
use crate::control::rest::method;

/// What stands behind the last two parts of the path of a method setting.
const SETTINGS: &[(&str, &str, As)] = &[
    ("metrics/enabled", "metricsEnabled", As::Flag),
    ("logging/dataTrace", "dataTraceEnabled", As::Flag),
    (
        "logging/loglevel",
        "loggingLevel",
        As::OneOf(&["OFF", "ERROR", "INFO"]),
    ),
    (
        "throttling/burstLimit",
        "throttlingBurstLimit",
        As::Within(NO_LIMIT, i32::MAX as i64),
    ),
    ("throttling/rateLimit", "throttlingRateLimit", As::Number),
    (
        "caching/ttlInSeconds",
        "cacheTtlInSeconds",
        As::Within(0, 3600),
    ),
    ("caching/enabled", "cachingEnabled", As::Flag),
    ("caching/dataEncrypted", "cacheDataEncrypted", As::Flag),
    (
        "caching/requireAuthorizationForCacheControl",
        "requireAuthorizationForCacheControl",
        As::Flag,
    ),
    (
        "caching/unauthorizedCacheControlHeaderStrategy",
        "unauthorizedCacheControlHeaderStrategy",
        As::OneOf(&[
            "FAIL_WITH_403",
            "SUCCEED_WITH_RESPONSE_HEADER",
            "SUCCEED_WITHOUT_RESPONSE_HEADER",
        ]),
    ),
];

const PART: &str = "methodSettings";

/// As a rate or burst: the method is not throttled. Terraform says so where nothing is set.
const NO_LIMIT: i64 = -1;

/// Changes one setting, or removes all of a method. Slashes of a resource's path may be written
/// `~1` or as they are.
pub fn patch(stage: &mut Record, patch: &Patch) -> Outcome<()> {
    let segments = patch.segments();
    if let [above @ .., group, last] = segments.as_slice()
        && above.len() >= 2
    {
        let wanted = format!("{group}/{last}");
        let found = SETTINGS.iter().find(|(path, _, _)| *path == wanted);
        let is_method = |verb: &String| *verb == "*" || method::VERBS.contains(&verb.as_str());
        if let Some((_, name, kind)) = found.filter(|_| above.last().is_some_and(is_method)) {
            return set(stage, patch, &key(above), name, *kind);
        }
    }
    match segments.len() >= 2 && patch.op == "remove" {
        true => remove(stage, &key(&segments)),
        false => Err(unknown_path(patch)),
    }
}

/// Without the slash that a path begins with: `pets/GET`, and `/GET` of the root.
fn key(segments: &[String]) -> String {
    let (verb, path) = segments
        .split_last()
        .map_or(("", &[][..]), |(verb, path)| (&**verb, path));
    let path = path.join("/");
    format!("{}/{verb}", path.trim_start_matches('/'))
}

/// The settings of one method begin as those of all methods, which begin as AWS's own.
fn set(stage: &mut Record, patch: &Patch, key: &str, name: &str, kind: As) -> Outcome<()> {
    match patch.op.as_str() {
        "remove" => return remove(stage, key),
        "add" | "replace" => {}
        _ => return Err(unknown_path(patch)),
    }
    let value = patch::value(kind, patch)?;
    if let Some(rate) = value.as_f64()
        && rate < 0.0
        && rate.to_bits() != (NO_LIMIT as f64).to_bits()
    {
        let message = format!("Invalid value '{}' for path {}", patch.text(), patch.path);
        return Err(Error::bad_request(message));
    }
    within(stage, PART, |settings| {
        if !settings.contains_key(key) {
            let usual = settings.get("*/*").cloned();
            settings.insert(key.to_owned(), usual.unwrap_or_else(default_settings));
        }
        within(settings, key, |own| {
            own.insert(name.to_owned(), value);
        });
    });
    Ok(())
}

fn default_settings() -> Value {
    json!({
        "metricsEnabled": false,
        "dataTraceEnabled": false,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10_000.0,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}

fn remove(stage: &mut Record, key: &str) -> Outcome<()> {
    let removed = within(stage, PART, |settings| settings.shift_remove(key));
    match removed {
        Some(_) => Ok(()),
        None => Err(Error::bad_request(format!(
            "Cannot remove method setting {key} because there is no method setting for this method "
        ))),
    }
}

/// The paths as AWS lists them, without a comma in two places.
pub fn unknown_path(patch: &Patch) -> Error {
    let path = &patch.path;
    Error::bad_request(format!(
        "Invalid method setting path: {path}. Must be one of: [{PATHS}]"
    ))
}

const PATHS: &str = "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, \
/clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, \
/accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, \
/{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, \
/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, \
/{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, \
/{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, \
/{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, \
/*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, \
/*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, \
/*/*/caching/enabled, /*/*/caching/dataEncrypted, \
/*/*/caching/requireAuthorizationForCacheControl, \
/*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled";
