//! Execution logs: the stories of calls, a line for each event, for the methods that want it.

use crate::base::date::iso8601;
use crate::gateway::story::moment;
use crate::gateway::{Call, Story, Worker};
use crate::net::Exchange;
use crate::plan::rest::RestRoute;
use crate::wire::head::Name;

/// What AWS calls the log of a stage, in front of `{api}/{stage}`.
pub const GROUP: &str = "API-Gateway-Execution-Logs_";

/// Begins the story of a call whose method is logged, if there is somewhere to log it to.
pub fn begin(worker: &Worker, call: &mut Call<'_>, route: &RestRoute) {
    if let Some(depth) = route.log
        && call.story.is_none()
        && worker.logs.borrow().execution.is_some()
    {
        call.story = Some(Box::new(Story::new(&worker.clock, depth)));
    }
}

/// Ends the story and writes it down.
#[cold]
pub fn end(worker: &Worker, call: &Call<'_>, exchange: &Exchange<'_>) {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    moment::ended(call, head.field(bytes, Name::ContentType));
    let Some(story) = call.story() else { return };
    let mut logs = worker.logs.borrow_mut();
    let rest = call.route.and_then(|route| route.rest.as_deref());
    let (Some(stage), Some(depth)) = (call.stage, rest.and_then(|rest| rest.log)) else {
        return;
    };
    let Some(lines) = logs.execution.as_mut() else {
        return;
    };
    let canary = match call.is_canary {
        Some(true) => "/Canary",
        _ => "",
    };
    let place = format!("{GROUP}{}/{}{canary}", stage.api_id, stage.name);
    let id = String::from_utf8_lossy(call.shown_request_id());
    // A call that is explained is told more of.
    let events = story.events();
    for event in events.iter().filter(|event| event.depth <= depth) {
        let out = lines.begin();
        let second = iso8601(event.at_ms);
        let second = second.trim_end_matches('Z');
        let ms = event.at_ms % 1000;
        out.extend_from_slice(format!("{place} {second}.{ms:03}Z ({id}) ").as_bytes());
        push_escaped(out, &event.line);
        lines.commit();
    }
}

/// A line is one line: what a client sent must not look like another event.
fn push_escaped(out: &mut Vec<u8>, line: &str) {
    for c in line.chars() {
        match c {
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if c.is_control() && c != '\t' => {
                out.extend_from_slice(c.escape_unicode().to_string().as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let mut out = Vec::new();
        push_escaped(&mut out, "a\r\nb\t\u{1b}[0mü");
        assert_eq!(String::from_utf8_lossy(&out), "a\\r\\nb\t\\u{1b}[0mü");
    }
}
