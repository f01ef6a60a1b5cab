//! What names and hosts must look like, wherever the snapshot came from.

use std::net::Ipv6Addr;

use crate::compile::problem::Fault;
use crate::plan::host::{BASE_PATH_BYTES_MAX, DEFAULT_STAGE, HOST_BYTES_MAX};

/// The id of an API or the name of an upstream: it becomes part of scopes, metrics and messages.
pub(in crate::compile) fn check_name(text: &str) -> Result<(), Fault> {
    spelled(text, "a name", 64, b"-_.")
}

/// `$default`, or letters, digits, `-` and `_`, at most 128
/// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html>).
pub(in crate::compile) fn check_stage(text: &str) -> Result<(), Fault> {
    if text == DEFAULT_STAGE {
        return Ok(());
    }
    spelled(text, "a stage name", 128, b"-_")
}

/// A host name, an IPv4 address or an IPv6 address in brackets; no port.
pub(in crate::compile) fn check_host(text: &str) -> Result<(), Fault> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    if let Some(inner) = bracketed {
        return match inner.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::new(format!(
                "`{}` is not an IPv6 address",
                inner.escape_debug()
            ))),
        };
    }
    spelled(text, "a host", HOST_BYTES_MAX, b"-_.")?;
    match text
        .split('.')
        .any(|label| !(1..=63).contains(&label.len()))
    {
        true => Err(Fault::new(format!("`{text}` is not a host"))
            .hint("between two dots stand 1 to 63 characters")),
        false => Ok(()),
    }
}

/// A host, or `*.` and a host.
pub(in crate::compile) fn check_host_pattern(text: &str) -> Result<(), Fault> {
    let Some(rest) = text.strip_prefix("*.") else {
        return check_host(text);
    };
    check_host(rest).map_err(|fault| Fault {
        within: fault.within.map(|range| range.start + 2..range.end + 2),
        ..fault
    })
}

/// `/`, or segments that are not empty, each behind a `/`.
pub(in crate::compile) fn check_base_path(text: &str) -> Result<(), Fault> {
    if text == "/" {
        return Ok(());
    }
    let Some(segments) = text.strip_prefix('/') else {
        return Err(Fault::new("a base path begins with `/`").hint(format!("write `/{text}`")));
    };
    if text.len() > BASE_PATH_BYTES_MAX {
        let message = format!("a base path has at most {BASE_PATH_BYTES_MAX} bytes");
        return Err(Fault::new(message));
    }
    if segments.split('/').any(str::is_empty) {
        return Err(Fault::new("a base path has no empty segments"));
    }
    let strange = text
        .char_indices()
        .find(|(_, c)| !c.is_ascii_graphic() || "?#{}\\\"<>^`|".contains(*c));
    match strange {
        Some((at, c)) => {
            Err(Fault::new(format!("{c:?} cannot stand in a base path"))
                .within(at..at + c.len_utf8()))
        }
        None => Ok(()),
    }
}

fn spelled(text: &str, what: &str, bytes_max: usize, marks: &[u8]) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new(format!("{what} cannot be empty")));
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || (c.is_ascii() && marks.contains(&(c as u8)));
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !fine(*c)) {
        let marks: Vec<String> = marks.iter().map(|b| format!("`{}`", *b as char)).collect();
        return Err(Fault::new(format!("{c:?} cannot stand in {what}"))
            .within(at..at + c.len_utf8())
            .hint(format!("use letters, digits, {}", marks.join(", "))));
    }
    if text.len() > bytes_max {
        return Err(Fault::new(format!(
            "{what} has at most {bytes_max} characters, this one {}",
            text.len()
        )));
    }
    Ok(())
}
