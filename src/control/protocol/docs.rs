//! The page on what is served, made from the tables.

use std::fmt::Write as _;

use crate::control::protocol::{Operation, ServiceName};

/// Markdown: every operation of both services, and whether it is served.
pub fn page(is_served: impl Fn(ServiceName, &Operation) -> bool) -> String {
    let mut text = HEAD.to_owned();
    for (name, title) in [
        (ServiceName::V2, "HTTP and WebSocket APIs"),
        (ServiceName::Rest, "REST APIs"),
    ] {
        let mut rows: Vec<&Operation> = name.service().operations.iter().collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        let served = rows.iter().filter(|row| is_served(name, row)).count();
        let all = rows.len();
        let _ = write!(
            text,
            "\n## {title}: `{}`, {served} of {all}\n\n| operation | request | served |\n|---|---|---|\n",
            name.text()
        );
        for row in rows {
            let mark = if is_served(name, row) { "yes" } else { "501" };
            let (operation, method, uri) = (&row.name, &row.method, &row.uri);
            let _ = writeln!(text, "| {operation} | `{method} {uri}` | {mark} |");
        }
    }
    text
}

/// One served operation a line, service first, for people and for grep.
pub fn list(is_served: impl Fn(ServiceName, &Operation) -> bool) -> String {
    let mut lines = Vec::new();
    for name in [ServiceName::Rest, ServiceName::V2] {
        let rows = name.service().operations.iter();
        let rows = rows.filter(|row| is_served(name, row));
        lines.extend(rows.map(|row| format!("{} {}\n", name.text(), row.name)));
    }
    lines.sort();
    lines.concat()
}

const HEAD: &str = "\
# Operations of the management APIs

Written by `daemun operations --markdown` from the tables that the gateway itself reads. What is not
served yet is answered with status 501 and the name of the operation.
";
