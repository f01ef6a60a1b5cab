//! Integrations to targets: `HTTP_PROXY`, `MOCK`, functions, and refusals for those that are not served.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Method, ascii, json};
use crate::compile::group::{GroupKey, Groups, Resolved};
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::{function, mapping, rest, subtype, uri};
use crate::model::v2::{Api, Integration, RouteKey, Stage};
use crate::plan::rest::RestRoute;
use crate::plan::{HttpTarget, MappedTarget, MockTarget, Target, UncheckedTarget};

/// AWS: 50 milliseconds at least. AWS's 30 seconds at most are not kept here.
pub(in crate::compile) const TIMEOUT_MS_MIN: u32 = 50;

/// A target, and which group it needs.
pub(in crate::compile) struct Made {
    pub target: Target,
    /// None for a mock.
    pub needs: Option<Needs>,
    /// Only of methods of REST APIs.
    pub rest: Option<Box<RestRoute>>,
}

pub(in crate::compile) struct Needs {
    /// The name of an upstream that it uses, or would use if there were one.
    pub lookup: Arc<str>,
    pub key: GroupKey,
}

/// The target of a route in one stage; none if something is wrong, which is then said.
///
/// As in AWS the path of the request is not appended to the URI: what of it goes on is what the
/// URI's own parameters say.
pub(in crate::compile) fn target(
    integration: &Integration,
    api: &Api,
    key: &RouteKey,
    stage: &Stage,
    (groups, schemas): (&mut Groups<'_>, &mut rest::Schemas<'_>),
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Made> {
    match integration {
        Integration::Mock {
            status,
            headers,
            body,
        } => mock(*status, headers, body, place, problems),
        Integration::Subtype(call) => subtype::target(call, stage, groups, place, problems),
        Integration::Function(call) => {
            function::target(call, api, key, stage, groups, place, problems)
        }
        Integration::Rest(method) => {
            let shared = (groups, schemas);
            rest::method(method, api, key, stage, shared, place, problems)
        }
        Integration::Unserved {
            status: status @ (403 | 500),
            what,
        } => Some(Made {
            needs: None,
            rest: None,
            target: Target::Unchecked(UncheckedTarget {
                status: *status,
                why: what.as_str().into(),
            }),
        }),
        Integration::Unserved { status, what } => {
            let body = json::line(&BTreeMap::from([("message", what)]));
            let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
            mock(*status, &headers, &body, place, problems)
        }
        Integration::HttpProxy {
            uri,
            method,
            timeout_ms,
        } => {
            let proxy = Proxy {
                uri,
                method: method.as_deref(),
                timeout_ms: *timeout_ms,
            };
            let (target, needs) = proxy.read(key, stage, groups, place, problems)?;
            Some(Made {
                target: Target::Http(target),
                needs: Some(needs),
                rest: None,
            })
        }
        Integration::Mapped(mapped) => {
            let proxy = Proxy {
                uri: &mapped.uri,
                method: mapped.method.as_deref(),
                timeout_ms: mapped.timeout_ms,
            };
            let read = proxy.read(key, stage, groups, place, problems);
            let changes = mapping::changes(&mapped.mappings, stage, place, problems);
            let (http, needs) = read?;
            Some(Made {
                target: Target::Mapped(Arc::new(MappedTarget {
                    http,
                    changes: changes?,
                })),
                needs: Some(needs),
                rest: None,
            })
        }
    }
}

/// An HTTP proxy as it was written.
struct Proxy<'a> {
    uri: &'a str,
    method: Option<&'a str>,
    timeout_ms: u32,
}

impl Proxy<'_> {
    fn read(
        &self,
        key: &RouteKey,
        stage: &Stage,
        groups: &mut Groups<'_>,
        place: &Place<'_>,
        problems: &mut Problems,
    ) -> Option<(HttpTarget, Needs)> {
        if self.timeout_ms < TIMEOUT_MS_MIN {
            let message = format!("a timeout is at least {TIMEOUT_MS_MIN} milliseconds");
            problems.push(&place.then("timeout"), Fault::new(message));
        }
        let made = uri::read(self.uri, key, stage).and_then(|uri| {
            let resolved = groups.resolve(uri.tls, &uri.authority);
            let (mut target, needs) =
                http(uri, resolved.map_err(|fault| vec![fault])?, self.timeout_ms);
            target.method = self
                .method
                .map(method_of)
                .transpose()
                .map_err(|fault| vec![fault])?;
            Ok((target, needs))
        });
        made.map_err(|faults| {
            let here = place.then("uri");
            for fault in faults {
                problems.push(&here, fault);
            }
        })
        .ok()
    }
}

/// The methods that an integration may have in the place of the client's.
pub(in crate::compile) fn method_of(text: &str) -> Result<Method, Fault> {
    // Not HEAD: a client that asks otherwise would wait for the body.
    let known = [
        Method::Delete,
        Method::Get,
        Method::Options,
        Method::Patch,
        Method::Post,
        Method::Put,
    ];
    let found = known.into_iter().find(|method| method.name() == Some(text));
    found.ok_or_else(|| Fault::new(format!("`{text}` is not a method to ask with")))
}

fn http(uri: uri::Uri, resolved: Resolved, timeout_ms: u32) -> (HttpTarget, Needs) {
    let needs = Needs {
        lookup: resolved.lookup,
        key: resolved.key,
    };
    let target = HttpTarget {
        group: resolved.group,
        host: resolved.host,
        path: uri.path.as_slice().into(),
        query: uri.query.as_slice().into(),
        method: None,
        timeout_ms,
    };
    (target, needs)
}

fn mock(
    status: u16,
    headers: &[(String, String)],
    body: &str,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Made> {
    let mut fine = true;
    let mut blame = |place: &Place<'_>, fault: Fault| {
        problems.push(place, fault);
        fine = false;
    };
    if !(200..=599).contains(&status) {
        let fault = Fault::new(format!("{status} is not the status of an answer"));
        blame(&place.then("status"), fault.hint("200 to 599"));
    }
    // RFC 9110 section 15.3.5 and 15.4.5: these responses cannot contain content; section 15.3.6:
    // a server MUST NOT generate content in a 205 response.
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        let fault = Fault::new(format!("an answer with status {status} has no body"));
        let hint = "leave `body` out, or choose another status";
        blame(&place.then("body"), fault.hint(hint));
    }
    let mut lines = Vec::new();
    let all = place.then("headers");
    for (name, value) in headers {
        match check_header(name, value) {
            Ok(()) => {
                for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    lines.extend_from_slice(part);
                }
            }
            Err(fault) => blame(&all.then(name), fault),
        }
    }
    fine.then(|| Made {
        needs: None,
        rest: None,
        target: Target::Mock(MockTarget {
            status,
            headers: lines.into(),
            body: body.as_bytes().into(),
        }),
    })
}

fn check_header(name: &str, value: &str) -> Result<(), Fault> {
    if !ascii::is_token(name.as_bytes()) {
        let message = format!("`{}` is not the name of a header", name.escape_debug());
        return Err(Fault::new(message));
    }
    if let Some((_, why)) = OWN_FIELDS
        .iter()
        .find(|(own, _)| name.eq_ignore_ascii_case(own))
    {
        return Err(Fault::new(format!("`{name}` {why}")).hint("leave this header out"));
    }
    if let Some((at, found)) = value
        .char_indices()
        .find(|(_, c)| c.is_ascii() && !ascii::is_value_byte(*c as u8))
    {
        let message = format!("{found:?} cannot stand in the value of a header");
        return Err(Fault::new(message).within(at..at + 1));
    }
    match ascii::is_field_value(value.as_bytes()) {
        true => Ok(()),
        false => Err(Fault::new("the value of a header has no blanks around it")),
    }
}

const IS_HOP_BY_HOP: &str = "belongs to one connection, not to an answer";
const IS_FRAMING: &str = "follows from the body";

/// The gateway's own fields (RFC 9110 section 7.6.1; the rest is framing and the clock).
const OWN_FIELDS: &[(&str, &str)] = &[
    ("connection", IS_HOP_BY_HOP),
    ("content-length", IS_FRAMING),
    ("date", "is the time at which an answer is given"),
    ("keep-alive", IS_HOP_BY_HOP),
    ("proxy-connection", IS_HOP_BY_HOP),
    ("te", IS_HOP_BY_HOP),
    ("trailer", IS_FRAMING),
    ("transfer-encoding", IS_FRAMING),
    ("upgrade", IS_HOP_BY_HOP),
];
