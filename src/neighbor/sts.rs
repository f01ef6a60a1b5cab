//! STS as far as tools ask it on the way: who am I. In AWS's Query protocol.

use crate::control::protocol::query;
use crate::control::{Answer, Caller, Error, Request};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers a request, or says what is wrong with it. AWS: "No permissions are required to perform
/// this operation."
pub fn answer(caller: &Caller, request: &Request, request_id: &str) -> Answer {
    // A request may be a form or a query.
    let form = String::from_utf8_lossy(&request.body);
    let mut parameters = query::pairs(&form);
    parameters.extend(query::pairs(&request.query));
    let of = |name: &str| {
        let found = parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    match of("Action") {
        Some("GetCallerIdentity") => identity(caller, request_id),
        Some(action) => {
            let version = of("Version").unwrap_or_default();
            let message = format!("Could not find operation {action} for version {version}");
            refused(&Error {
                status: 400,
                code: "InvalidAction",
                message,
            })
        }
        None => refused(&Error {
            status: 400,
            code: "MissingAction",
            message: "The request must contain the parameter Action".to_owned(),
        }),
    }
}

fn identity(caller: &Caller, request_id: &str) -> Answer {
    let (arn, user_id) = caller.identity();
    let (arn, user_id) = (escaped(&arn), escaped(&user_id));
    let account = &caller.scope.account;
    xml(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId>\
             </ResponseMetadata></GetCallerIdentityResponse>"
        ),
    )
}

/// An error as the clients of the Query protocol can read it.
pub fn refused(error: &Error) -> Answer {
    let (code, message) = (error.code, escaped(&error.message));
    xml(
        error.status,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        ),
    )
}

fn xml(status: u16, body: String) -> Answer {
    Answer {
        status,
        headers: vec![("Content-Type".to_owned(), "text/xml".to_owned())],
        body: body.into_bytes(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // XML 1.0 has no other control characters.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
