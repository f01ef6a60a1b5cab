//! CORS settings to header lines.

use crate::base::ascii;
use crate::compile::problem::{Fault, Place, Problems};
use crate::model::v2;
use crate::plan::Cors;

/// The lines of these settings; what cannot stand in a header is said.
pub(in crate::compile) fn cors(
    cors: &v2::Cors,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Cors {
    let all = [
        &cors.allow_origins,
        &cors.allow_methods,
        &cors.allow_headers,
        &cors.expose_headers,
    ];
    for text in all.into_iter().flatten() {
        if text.is_empty() || !ascii::is_field_value(text.as_bytes()) {
            let message = format!("`{}` cannot stand in a header", text.escape_debug());
            problems.push(place, Fault::new(message));
        }
    }
    let mut preflight = Vec::new();
    list(&mut preflight, "allow-methods", &cors.allow_methods);
    list(&mut preflight, "allow-headers", &cors.allow_headers);
    if let Some(age) = cors.max_age_s {
        line(&mut preflight, "max-age", &age.to_string());
    }
    let mut actual = Vec::new();
    list(&mut actual, "expose-headers", &cors.expose_headers);
    if cors.allow_credentials {
        line(&mut preflight, "allow-credentials", "true");
        line(&mut actual, "allow-credentials", "true");
    }
    let origins = cors.allow_origins.iter();
    Cors {
        origins: origins.map(|origin| origin.as_bytes().into()).collect(),
        preflight: preflight.into(),
        actual: actual.into(),
    }
}

fn list(out: &mut Vec<u8>, name: &str, values: &[String]) {
    if !values.is_empty() {
        line(out, name, &values.join(","));
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(format!("access-control-{name}: {value}\r\n").as_bytes());
}
