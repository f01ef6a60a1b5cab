//! MOCK: an answer without an upstream.

use crate::base::json;
use crate::gateway::{Answer, Call, Reject, Stop, Worker, respond};
use crate::net::Exchange;
use crate::plan::MockTarget;

/// A fixed answer, of the config file.
pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &MockTarget,
) -> Result<(), Stop> {
    call.status = target.status;
    respond::fixed(worker, call, exchange, &target.headers, &target.body).await?;
    Ok(())
}

/// The answer of a REST API's mock: its request template says the status, as an integer.
///
/// # Errors
/// It says none.
pub fn answer(call: &mut Call<'_>, body: &[u8]) -> Result<Answer, Reject> {
    match status(&String::from_utf8_lossy(body)) {
        Some(status) => Ok(Answer {
            status,
            ..Answer::default()
        }),
        None => {
            call.integration_error =
                Some("Unable to parse statusCode. It should be an integer".into());
            Err(Reject::ApiConfigurationError)
        }
    }
}

/// The member `statusCode` of an object, in AWS's tolerant JSON: names may go without quotes.
fn status(text: &str) -> Option<u16> {
    let strict = json::member(text, "statusCode");
    let number = match strict {
        Some(found) => found,
        None => tolerant(text)?.to_owned(),
    };
    let status: u16 = number.trim().trim_matches('"').parse().ok()?;
    (100..=599).contains(&status).then_some(status)
}

/// What stands behind the name at the outermost level, up to the next comma or bracket.
fn tolerant(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix('{')?;
    let (mut depth, mut quote, mut at) = (0_usize, None, 0);
    let bytes = inner.as_bytes();
    let mut start = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(mark) if byte == mark => quote = None,
            Some(_) if byte == b'\\' => at += 1,
            Some(_) => {}
            None => match byte {
                b'"' | b'\'' => quote = Some(byte),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b',' | b'}' if depth == 0 => {
                    if let Some(found) = named(&inner[start..at]) {
                        return Some(found);
                    }
                    start = at + 1;
                }
                _ => {}
            },
        }
        at += 1;
    }
    named(inner.get(start..)?.trim_end().trim_end_matches('}'))
}

fn named(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once(':')?;
    let name = name.trim().trim_matches(['"', '\'']);
    (name == "statusCode").then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_found_in_sloppy_json() {
        let check =
            |text: &str, expected: Option<u16>| assert_eq!(status(text), expected, "{text}");
        check(r#"{"statusCode": 200}"#, Some(200));
        check("{statusCode: 200}", Some(200));
        check("{ 'statusCode' : \"404\", a: {statusCode: 1} }", Some(404));
        check("{a: {statusCode: 201}, statusCode: 202}", Some(202));
        check("{a: 'x, statusCode: 201', statusCode: 202", Some(202));
        check("\n{\n  statusCode: 500\n}\n", Some(500));
        check("{\"statusCode\": 200.5}", None);
        check("{\"statusCode\": 99}", None);
        check("{\"statusCode\": \"x\"}", None);
        check("{}", None);
        check("", None);
        check("statusCode: 200", None);
        check("{'", None);
        check("{\"\\", None);
    }
}
