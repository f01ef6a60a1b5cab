//! Client certificate operations: with one a stage shows its upstreams who asks.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::publish::domain::KEY;
use crate::control::rest::noun::{self, given};
use crate::control::tags;
use crate::model::quota;
use crate::rt::tls;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("GenerateClientCertificate", generate),
    ("GetClientCertificate", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("GetClientCertificates", |desk, input| {
        noun::shown(input, desk.list(kind::CLIENT_CERTIFICATE, "")?)
    }),
    ("UpdateClientCertificate", update),
    ("DeleteClientCertificate", delete),
];

const RULES: Rules = Rules {
    family: Family::Listed("/description"),
    rows: &[("/description", As::Text, REPLACE)],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    by_id(desk, input.given("clientCertificateId"))
}

pub fn by_id(desk: &Desk<'_>, id: &str) -> Outcome<Record> {
    let found = desk.get(kind::CLIENT_CERTIFICATE, id)?;
    found.ok_or_else(|| Error::not_found("Invalid Client Certificate identifier specified"))
}

fn generate(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    tags::check(desk, input)?;
    desk.admit(&quota::CLIENT_CERTIFICATES, || {
        desk.count(kind::CLIENT_CERTIFICATE, "")
    })?;
    let now_ms = desk.now().as_u64().unwrap_or_default();
    let id = desk.new_id(6);
    let made = tls::generate(
        "ApiGateway",
        &format!("API Gateway client certificate {id}"),
        now_ms,
    )
    .map_err(|error| Error::internal(format!("no certificate could be made: {error}")))?;
    let mut record = given(input, &["description", "tags"]);
    for (member, value) in [
        ("clientCertificateId", Value::from(id.clone())),
        ("pemEncodedCertificate", made.certificate.into()),
        ("createdDate", desk.now()),
        ("expirationDate", made.not_after_ms.into()),
        (KEY, made.key.into()),
    ] {
        record.insert(member.to_owned(), value);
    }
    desk.put(kind::CLIENT_CERTIFICATE, &id, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    let id = input.given("clientCertificateId");
    desk.put(kind::CLIENT_CERTIFICATE, id, &record)?;
    Ok(Value::Object(record))
}

/// One that a stage shows stays.
fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    let id = input.given("clientCertificateId");
    for (key, stage) in desk.list(kind::STAGE, "")? {
        if text(&stage, "clientCertificateId") == id {
            let place = key.replace('/', ":");
            return Err(Error::bad_request(format!(
                "Cannot delete client certificate {id}: the stage {place} uses it"
            )));
        }
    }
    desk.delete(kind::CLIENT_CERTIFICATE, id)?;
    Ok(Value::Null)
}
