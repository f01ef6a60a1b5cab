//! The signature that a request presents: found and taken apart, not yet judged.

use crate::aws::sigv4::canonical::{AMPERSAND, Request, SIGNATURE_PARAMETER, pairs};
use crate::aws::sigv4::key::{ALGORITHM, Scope, TERMINATOR};
use crate::aws::sigv4::moment;
use crate::aws::sigv4::refusal::Refusal;

/// Claims of a client. Which service is meant can be read here before anything is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    pub access_key_id: String,
    pub day: String,
    pub region: String,
    pub service: String,
    pub(crate) terminator: String,
    /// As it was sent when it came in ISO form, which is what was signed.
    pub(crate) moment: String,
    /// Seconds since 1970.
    pub(crate) signed: u64,
    /// Lower case, sorted, each once.
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
    pub session_token: Option<String>,
    pub carrier: Carrier,
}

/// Where the signature travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Header,
    /// Presigned, with the seconds it is good for, if it says so.
    Query {
        expires_seconds: Option<u64>,
    },
}

/// The texts of the parameters, whichever way they came.
struct Parameters {
    credential: String,
    signed_headers: String,
    signature: String,
    moment: String,
    signed: u64,
    algorithm: String,
    session_token: Option<String>,
    carrier: Carrier,
}

impl Presented {
    /// # Errors
    /// When there is no signature, or one that cannot be taken apart.
    pub fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        let authorization = request.value("authorization").filter(|v| !v.is_empty());
        let query = Query::of(request);
        let parameters = match (authorization, query) {
            (Some(_), Some(_)) => return Err(Refusal::Twice),
            (None, None) => return Err(Refusal::Missing),
            (Some(authorization), None) => from_header(request, authorization)?,
            (None, Some(query)) => from_query(query)?,
        };
        let signed_headers = names(&parameters.signed_headers);
        // AWS takes `:authority` too, which does not exist in HTTP/1.1: it would bind nothing.
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(Refusal::HostNotSigned);
        }
        if parameters.algorithm != ALGORITHM {
            let text = parameters.algorithm;
            return Err(Refusal::Algorithm { text });
        }
        let parts: Vec<&str> = parameters.credential.split('/').collect();
        let [id, day, region, service, terminator] = parts[..] else {
            let text = parameters.credential;
            return Err(Refusal::Credential { text });
        };
        Ok(Self {
            access_key_id: id.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            terminator: terminator.to_owned(),
            moment: parameters.moment,
            signed: parameters.signed,
            signed_headers,
            signature: parameters.signature,
            session_token: parameters.session_token,
            carrier: parameters.carrier,
        })
    }

    /// Whether a header is among what was signed. `name` is in lower case.
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == name)
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope {
            day: &self.day,
            region: &self.region,
            service: &self.service,
        }
    }

    /// What is wrong with the parts of the scope.
    pub(crate) fn scope_faults(&self, service: &str, region: Option<&str>) -> Vec<String> {
        let mut sentences = Vec::new();
        if region.is_some_and(|wanted| wanted != self.region) || self.region.is_empty() {
            let found = &self.region;
            sentences.push(format!(
                "Credential should be scoped to a valid region, not '{found}'."
            ));
        }
        if self.service != service {
            sentences.push(format!(
                "Credential should be scoped to correct service: '{service}'."
            ));
        }
        if self.terminator != TERMINATOR {
            let found = &self.terminator;
            sentences.push(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{found}'."
            ));
        }
        if !self.moment.starts_with(&self.day) || self.day.len() != 8 {
            let (day, moment) = (&self.day, &self.moment);
            let wanted = moment.get(..8).unwrap_or_default();
            sentences.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{day}' != '{wanted}', from '{moment}'."
            ));
        }
        sentences
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
fn from_header(request: &Request<'_>, authorization: &[u8]) -> Result<Parameters, Refusal> {
    let text = String::from_utf8_lossy(authorization);
    let (algorithm, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    // The comma may come with spaces, without, or not at all.
    for part in rest.split([',', ' ']).filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            let part = part.as_bytes().to_vec();
            return Err(Refusal::Pair { part });
        };
        match name {
            "Credential" => credential = Some(value.to_owned()),
            "Signature" => signature = Some(value.to_owned()),
            "SignedHeaders" => signed_headers = Some(value.to_owned()),
            _ => {}
        }
    }
    let date = request.value("x-amz-date").or(request.value("date"));
    let missing: Vec<&'static str> = [
        ("Credential", credential.is_none()),
        ("Signature", signature.is_none()),
        ("SignedHeaders", signed_headers.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect();
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (credential, signature, signed_headers, date)
    else {
        return Err(Refusal::Header {
            missing,
            no_date: date.is_none(),
            authorization: authorization.to_vec(),
        });
    };
    let (moment, signed) = read_date(&String::from_utf8_lossy(date))?;
    Ok(Parameters {
        credential,
        signed_headers,
        signature,
        moment,
        signed,
        algorithm: algorithm.to_owned(),
        session_token: request
            .value("x-amz-security-token")
            .map(|token| String::from_utf8_lossy(token).into_owned()),
        carrier: Carrier::Header,
    })
}

/// The `X-Amz-…` parameters of a presigned request.
#[derive(Default)]
struct Query {
    algorithm: Option<String>,
    credential: Option<String>,
    signature: Option<String>,
    signed_headers: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    session_token: Option<String>,
}

impl Query {
    /// `None` when nothing in the query looks like a signature.
    fn of(request: &Request<'_>) -> Option<Self> {
        let mut found = Self::default();
        for (name, value) in pairs(request.query, AMPERSAND) {
            let place = match name.as_slice() {
                b"X-Amz-Algorithm" => &mut found.algorithm,
                b"X-Amz-Credential" => &mut found.credential,
                b"X-Amz-SignedHeaders" => &mut found.signed_headers,
                b"X-Amz-Date" => &mut found.date,
                b"X-Amz-Expires" => &mut found.expires,
                b"X-Amz-Security-Token" => &mut found.session_token,
                name if name == SIGNATURE_PARAMETER.as_bytes() => &mut found.signature,
                _ => continue,
            };
            // The first of each name counts.
            place.get_or_insert_with(|| String::from_utf8_lossy(&value).into_owned());
        }
        let any =
            found.algorithm.is_some() || found.credential.is_some() || found.signature.is_some();
        any.then_some(found)
    }
}

fn from_query(query: Query) -> Result<Parameters, Refusal> {
    let missing: Vec<&'static str> = [
        ("X-Amz-Algorithm", query.algorithm.is_none()),
        ("X-Amz-Credential", query.credential.is_none()),
        (SIGNATURE_PARAMETER, query.signature.is_none()),
        ("X-Amz-SignedHeaders", query.signed_headers.is_none()),
        ("X-Amz-Date", query.date.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect();
    let (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) = (
        query.algorithm,
        query.credential,
        query.signature,
        query.signed_headers,
        query.date,
    ) else {
        return Err(Refusal::Query { missing });
    };
    let Some(signed) = moment::parse(&date) else {
        return Err(Refusal::Date { text: date });
    };
    let expires_seconds = match query.expires {
        Some(text) => Some(
            text.parse()
                .ok()
                .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
                .ok_or(Refusal::Expires)?,
        ),
        None => None,
    };
    Ok(Parameters {
        credential,
        signed_headers,
        signature,
        moment: date,
        signed,
        algorithm,
        session_token: query.session_token,
        carrier: Carrier::Query { expires_seconds },
    })
}

/// A week.
const EXPIRES_SECONDS_MAX: u64 = 604_800;

/// The moment in ISO form, as it is in the string to sign, and in seconds since 1970.
fn read_date(text: &str) -> Result<(String, u64), Refusal> {
    if let Some(signed) = moment::parse(text) {
        return Ok((text.to_owned(), signed));
    }
    match moment::parse_http(text) {
        Some(signed) => Ok((moment::format(signed), signed)),
        None => Err(Refusal::Date {
            text: text.to_owned(),
        }),
    }
}

fn names(list: &str) -> Vec<String> {
    let mut names: Vec<String> = list
        .split(';')
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
