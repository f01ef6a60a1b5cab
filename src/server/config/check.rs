//! What a text or a name in the file must look like.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::aws::credential::is_access_key_id;
use crate::aws::function::{RESERVED_VARIABLES, is_name, is_variable_name};
use crate::lambda::Runtime;
use crate::model::v2::RouteKey;
use crate::server::config::problem::{Fault, host_part, quoted};

/// Any text.
pub fn any(_: &str) -> Result<(), Fault> {
    Ok(())
}

/// A name of the user's choice: it turns up in logs, metrics and messages.
pub fn name(text: &str) -> Result<(), Fault> {
    spelled(
        text,
        "a name",
        64,
        "letters, digits, `-`, `_` and `.`",
        |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
    )
}

/// <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html>
pub fn stage_name(text: &str) -> Result<(), Fault> {
    if text == "$default" {
        return Ok(());
    }
    let allowed = "letters, digits, `-` and `_`, or it is `$default`";
    spelled(text, "a stage name", 128, allowed, |byte| {
        byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
    })
}

pub fn variable_name(text: &str) -> Result<(), Fault> {
    spelled(
        text,
        "a stage variable",
        64,
        "letters, digits and `_`",
        |byte| byte.is_ascii_alphanumeric() || byte == b'_',
    )
}

/// AWS takes values of `[A-Za-z0-9-._~:/?#&=,]+` only: they end in URLs.
pub fn variable_value(text: &str) -> Result<(), Fault> {
    let allowed = "letters, digits and `-._~:/?#&=,`";
    spelled(
        text,
        "the value of a stage variable",
        512,
        allowed,
        |byte| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte),
    )
}

/// `$default` or `GET /pets/{id}`.
pub fn route_key(text: &str) -> Result<(), Fault> {
    RouteKey::parse(text).map(|_| ()).map_err(|error| Fault {
        message: error.message,
        hint: error.hint,
        within: Some(error.range),
    })
}

/// A field name (RFC 9110 section 5.1), or nothing.
pub fn token_or_empty(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Ok(());
    }
    token(text)
}

/// A field name of a fixed answer; framing and hop-by-hop fields are the gateway's own.
pub fn answer_header(text: &str) -> Result<(), Fault> {
    token(text)?;
    if OWN_FIELDS.iter().any(|own| text.eq_ignore_ascii_case(own)) {
        return Err(
            Fault::new(format!("the gateway itself decides about {}", quoted(text)))
                .hint("leave this header out"),
        );
    }
    Ok(())
}

/// A field value (RFC 9110 section 5.5): no control characters but tab, no blanks around it.
pub fn header_value(text: &str) -> Result<(), Fault> {
    if let Some((at, found)) = text
        .char_indices()
        .find(|(_, found)| found.is_control() && *found != '\t')
    {
        let message = format!(
            "a header value cannot hold the character {}",
            found.escape_default()
        );
        return Err(Fault::new(message).within(at..at + found.len_utf8()));
    }
    if text.trim() != text {
        return Err(Fault::new("a header value cannot begin or end with blanks"));
    }
    Ok(())
}

/// What stands behind the last dot of `{api}.execute-api.`
pub fn host_suffix(text: &str) -> Result<(), Fault> {
    host(text, "a part of a host")
}

/// `pets.example.com` or `*.example.com`, without a port.
pub fn host_pattern(text: &str) -> Result<(), Fault> {
    let rest = text.strip_prefix("*.").unwrap_or(text);
    if let Some(at) = rest.find('*') {
        let at = text.len() - rest.len() + at;
        return Err(Fault::new("`*` stands for the leftmost name only")
            .within(at..at + 1)
            .hint("write \"*.example.com\"; leave `hosts` out to answer to every host"));
    }
    host(rest, "a host").map_err(|fault| shifted(fault, text.len() - rest.len()))
}

/// The `Host` to send: a host, perhaps with a port.
pub fn authority(text: &str) -> Result<(), Fault> {
    match split_port(text) {
        Some((name, port)) if port.parse::<u16>().is_ok() => host(name, "a host"),
        _ => host(text, "a host"),
    }
}

/// The name that a certificate is asked for.
pub fn server_name(text: &str) -> Result<(), Fault> {
    host(text, "a server name")
}

/// `host:port` of an upstream target.
pub fn target(text: &str) -> Result<(), Fault> {
    target_parts(text).map(|_| ())
}

/// Host without brackets and port of `host:port`, `10.0.0.1:80` or `[::1]:80`.
pub fn target_parts(text: &str) -> Result<(&str, u16), Fault> {
    let shape = "write \"host:port\", for example \"10.0.0.1:9000\" or \"[::1]:9000\"";
    if let Some(at) = text.find("://") {
        return Err(Fault::new("a target is a host and a port, not a URL")
            .within(0..at + 3)
            .hint(shape));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        let end = text.rsplit_once(':');
        let whole = end.filter(|(front, _)| front.parse::<Ipv6Addr>().is_ok());
        let (front, port) = whole.unwrap_or((text, "80"));
        let fault = Fault::new("an IPv6 address stands in brackets, with a port after them");
        return Err(fault.hint(format!("write \"[{front}]:{port}\"")));
    }
    let Some((name, port)) = split_port(text) else {
        return Err(Fault::new(format!("{} has no port", quoted(text))).hint(shape));
    };
    let port_at = text.len() - port.len();
    let number = match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => number,
        _ => {
            return Err(Fault::new(format!("{} is not a port", quoted(port)))
                .within(port_at..text.len())
                .hint("ports are numbers from 1 to 65535"));
        }
    };
    host(name, "a host")?;
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    Ok((bare.unwrap_or(name), number))
}

/// `10.0.0.2` or `10.0.0.2:53`.
pub fn name_server(text: &str) -> Result<(), Fault> {
    match name_server_address(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(format!(
            "{} is not the address of a name server",
            quoted(text)
        ))
        .hint("write an IP address, with a port when it is not 53")),
    }
}

/// The address with its port, 53 when none is written.
pub fn name_server_address(text: &str) -> Option<SocketAddr> {
    let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    bare.ok().or_else(|| text.parse().ok())
}

/// `/`, or `/v1/orders` without an ending slash.
pub fn base_path(text: &str) -> Result<(), Fault> {
    if text == "/" {
        return Ok(());
    }
    if !text.starts_with('/') {
        return Err(Fault::new("a base path starts with `/`").hint(format!("write \"/{text}\"")));
    }
    if text.ends_with('/') {
        let meant = text.trim_end_matches('/');
        let meant = if meant.is_empty() { "/" } else { meant };
        return Err(Fault::new("a base path does not end with `/`")
            .within(text.len() - 1..text.len())
            .hint(format!("write \"{meant}\"")));
    }
    if let Some(at) = text.find("//") {
        return Err(Fault::new("a base path has no empty segments").within(at..at + 2));
    }
    let fine = |c: &char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%".contains(*c);
    if let Some((at, wrong)) = text.char_indices().find(|(_, c)| !fine(c)) {
        return Err(Fault::new(format!(
            "a base path cannot hold {}",
            quoted(&wrong.to_string())
        ))
        .within(at..at + wrong.len_utf8())
        .hint("base paths are literal; parameters belong into route keys"));
    }
    Ok(())
}

/// The id of an AWS account.
pub fn account(text: &str) -> Result<(), Fault> {
    match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(()),
        false => Err(Fault::new(format!("{} is not an account id", quoted(text)))
            .hint("write twelve digits in quotes, like \"123456789012\"")),
    }
}

/// The id of an access key, by the rule of IAM's `accessKeyIdType`.
pub fn access_key_id(text: &str) -> Result<(), Fault> {
    if is_access_key_id(text) {
        return Ok(());
    }
    Err(
        Fault::new(format!("{} is not the id of an access key", quoted(text)))
            .hint("write 16 to 128 letters, digits or `_`, like AKIAIOSFODNN7EXAMPLE"),
    )
}

pub fn secret(text: &str) -> Result<(), Fault> {
    if text.is_empty() || text.trim() != text {
        return Err(Fault::new(
            "a secret is not empty and has no blanks around it",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html>
pub fn user_name(text: &str) -> Result<(), Fault> {
    let allowed = "letters, digits and `+=,.@-_`";
    spelled(text, "the name of a user", 64, allowed, |byte| {
        byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte)
    })
}

/// The name of a Lambda function.
pub fn function_name(text: &str) -> Result<(), Fault> {
    match is_name(text) {
        true => Ok(()),
        false => Err(
            Fault::new(format!("{} is not the name of a function", quoted(text)))
                .hint("letters, digits, `-` and `_`, at most 64"),
        ),
    }
}

/// A Lambda runtime that can be run here.
pub fn runtime(text: &str) -> Result<(), Fault> {
    match Runtime::named(text, None) {
        Some(_) => Ok(()),
        None => Err(Fault::new(format!("{} is not a runtime", quoted(text)))
            .hint("runtimes are `python3.12`, `nodejs22.x`, `provided.al2023` and the like")),
    }
}

/// A path that could be there.
pub fn path(text: &str) -> Result<(), Fault> {
    match text.is_empty() || text.contains('\0') {
        true => Err(Fault::new(format!("{} is not a path", quoted(text)))),
        false => Ok(()),
    }
}

/// Some names are Lambda's own.
pub fn environment_name(text: &str) -> Result<(), Fault> {
    let wrong = |why: &str| Err(Fault::new(format!("{} {why}", quoted(text))));
    if RESERVED_VARIABLES.contains(&text) {
        return wrong("is set for every function");
    }
    match is_variable_name(text) {
        true => Ok(()),
        false => wrong("is not the name of an environment variable"),
    }
}

pub fn environment_value(text: &str) -> Result<(), Fault> {
    match text.contains('\0') {
        true => Err(Fault::new("an environment variable cannot hold NUL")),
        false => Ok(()),
    }
}

/// An AWS region, as it stands in ARNs.
pub fn region(text: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(()),
        false => Err(Fault::new(format!("{} is not a region", quoted(text)))
            .hint("regions look like `eu-west-1`")),
    }
}

/// A service as it stands in the URI of an integration.
pub fn service(text: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(()),
        false => Err(Fault::new(format!("{} is not a service", quoted(text)))
            .hint("services are `dynamodb`, `sqs`, `states` and the like")),
    }
}

/// The URL of a service: scheme, host, perhaps a port and a path.
pub fn endpoint(text: &str) -> Result<(), Fault> {
    let shape = "write \"http://host:port\" or \"https://host\"";
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(Fault::new(format!("{} is not a URL", quoted(text))).hint(shape));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if let Some(at) = rest.find(['?', '#', '@', '{', '$']) {
        let at = text.len() - rest.len() + at;
        return Err(
            Fault::new("the URL of a service has a host and a path, nothing else")
                .within(at..at + 1)
                .hint(shape),
        );
    }
    match host.starts_with('[') {
        true => Ok(()),
        false => authority(host).map_err(|fault| shifted(fault, text.len() - rest.len())),
    }
}

/// The name of a profile in a shared credentials file.
pub fn profile(text: &str) -> Result<(), Fault> {
    match !text.is_empty() && text.trim() == text && !text.contains(['[', ']', '\n']) {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "{} is not the name of a profile",
            quoted(text)
        ))),
    }
}

/// Fields that say how an answer is framed or that belong to one connection (RFC 9110 section 7.6.1).
const OWN_FIELDS: &[&str] = &[
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn token(text: &str) -> Result<(), Fault> {
    spelled(
        text,
        "a header name",
        128,
        "letters, digits and `!#$%&'*+-.^_|~`",
        |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte),
    )
}

fn host(text: &str, what: &str) -> Result<(), Fault> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(inner) = bracketed {
        return match inner.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::new(format!(
                "{} is not an IPv6 address",
                quoted(inner)
            ))),
        };
    }
    if let Some(at) = text.find(':') {
        return Err(Fault::new(format!("{what} is named here without a port"))
            .within(at..text.len())
            .hint(format!("write \"{}\"", host_part(text))));
    }
    spelled(
        text,
        what,
        253,
        "letters, digits, `-`, `_` and `.`",
        |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
    )?;
    match text
        .split('.')
        .find(|label| label.is_empty() || label.len() > 63)
    {
        Some(label) if text.trim_end_matches('.') != text || !label.is_empty() => {
            Err(Fault::new(format!("{} is not {what}", quoted(text))))
        }
        Some(_) => Err(Fault::new(format!("{} is not {what}", quoted(text)))
            .hint("between two dots stand 1 to 63 characters")),
        None => Ok(()),
    }
}

fn split_port(text: &str) -> Option<(&str, &str)> {
    let (name, port) = text.rsplit_once(':')?;
    let whole = !name.contains(':') || name.starts_with('[') && name.ends_with(']');
    whole.then_some((name, port))
}

fn spelled(
    text: &str,
    what: &str,
    chars_max: usize,
    allowed: &str,
    fine: impl Fn(u8) -> bool,
) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new(format!("{what} cannot be empty")));
    }
    let wrong = text
        .char_indices()
        .find(|(_, c)| !u8::try_from(*c).is_ok_and(&fine) || !c.is_ascii());
    if let Some((at, wrong)) = wrong {
        let message = format!(
            "{what} cannot hold {}",
            quoted(&wrong.escape_debug().to_string())
        );
        return Err(Fault::new(message)
            .within(at..at + wrong.len_utf8())
            .hint(format!("{what} is made of {allowed}")));
    }
    if text.len() > chars_max {
        let message = format!(
            "{what} has at most {chars_max} characters, this one {}",
            text.len()
        );
        return Err(Fault::new(message));
    }
    Ok(())
}

fn shifted(fault: Fault, by: usize) -> Fault {
    let within = fault.within.map(|range| range.start + by..range.end + by);
    Fault { within, ..fault }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn check(rule: fn(&str) -> Result<(), Fault>, fine: &[&str], wrong: &[&str]) {
        for text in fine {
            assert_eq!(rule(text), Ok(()), "{text}");
        }
        for text in wrong {
            let fault = rule(text).expect_err(text);
            let within = fault.within.unwrap_or(0..0);
            assert!(text.get(within).is_some(), "{text}");
        }
    }

    #[test]
    fn names_are_plain_words() {
        check(
            name,
            &["main", "pets-2", "a.b_c"],
            &["", "a b", "ä", "a/b", "😀"],
        );
        check(stage_name, &["$default", "prod"], &["", "$other", "a.b"]);
        check(variable_name, &["backend"], &["", "a-b"]);
        check(variable_value, &["pets:80/x?y=1"], &["", "a b", "ü"]);
    }

    #[test]
    fn hosts_may_begin_with_a_star_only() {
        let fine = [
            "pets.example.com",
            "*.example.com",
            "localhost",
            "[::1]",
            "10.0.0.1",
        ];
        let wrong = [
            "", "*", "a.*.com", "*.*.com", "a:80", "a..b", ".a", "a b", "[::g]", "*.",
        ];
        check(host_pattern, &fine, &wrong);
    }

    #[test]
    fn a_target_has_a_host_and_a_port() {
        let fine = ["10.0.0.1:9000", "host:1", "[::1]:80"];
        let wrong = [
            "host",
            "host:0",
            "host:65536",
            "host:+1",
            ":80",
            "::1",
            "http://a:80",
            "é:80",
            "[::1]",
        ];
        check(target, &fine, &wrong);
        assert_eq!(target_parts("[::1]:80"), Ok(("::1", 80)));
    }

    #[test]
    fn base_paths_are_literal_and_end_without_a_slash() {
        check(
            base_path,
            &["/", "/v1", "/v1/a%20b"],
            &["", "v1", "/v1/", "//", "/a//b", "/{x}", "/a?b"],
        );
    }

    #[test]
    fn headers_cannot_smuggle() {
        check(
            answer_header,
            &["content-type", "x-a"],
            &["", "a b", "Content-Length", "TE", "x\r"],
        );
        check(
            header_value,
            &["a b", "", "ü"],
            &["a\r\nb: c", " a", "\0", "\u{7f}"],
        );
        check(token_or_empty, &["", "via-me"], &["a:b"]);
    }

    #[test]
    fn name_servers_are_addresses() {
        check(
            name_server,
            &["10.0.0.2", "[::1]:5353", "::1"],
            &["dns.example", ""],
        );
        assert_eq!(name_server_address("10.0.0.2"), "10.0.0.2:53".parse().ok());
    }

    #[test]
    fn functions_have_names_runtimes_and_environments() {
        check(function_name, &["pets", "a-b_1"], &["", "a.b", "a:b"]);
        check(
            runtime,
            &["python3.12", "nodejs22.x", "provided"],
            &["ruby3.3", ""],
        );
        check(
            environment_name,
            &["TABLE", "a1"],
            &["", "1A", "A-B", "AWS_LAMBDA_RUNTIME_API", "_HANDLER"],
        );
        check(environment_value, &["", "a=b"], &["\0"]);
        check(path, &["a/b.zip"], &["", "a\0"]);
        check(region, &["eu-west-1"], &["", "EU", "a b"]);
    }
}
