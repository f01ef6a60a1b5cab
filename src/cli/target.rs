//! A request as people name it on the command line: `GET /pets/7`.

use crate::wire::target;

/// The request to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// A token of RFC 9110, as written.
    pub method: String,
    /// A path, with a query or without.
    pub target: String,
}

/// Reads `METHOD /path`; the error says what to write instead.
pub fn parse(text: &str) -> Result<Asked, String> {
    let mut words = text.split_ascii_whitespace();
    let (Some(method), target) = (words.next(), words.next()) else {
        return Err("write a method and a path, like 'GET /pets/7'".to_owned());
    };
    if let Some(more) = words.next() {
        return Err(match (target, more.starts_with("HTTP/")) {
            (Some(target), true) => format!("leave {more} out; write '{method} {target}'"),
            _ => "a path holds no blanks; write `%20` for one".to_owned(),
        });
    }
    let Some(target) = target else {
        return Err(match method.starts_with('/') {
            true => format!("the method is missing; write 'GET {method}'"),
            false => format!("the path is missing; write '{method} /pets/7'"),
        });
    };
    if !method
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    {
        return Err(format!("`{method}` is not a method; write one like GET"));
    }
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let meant = method.to_ascii_uppercase();
        return Err(format!("methods are in capitals; write '{meant} {target}'"));
    }
    if !target.starts_with('/') {
        return Err(no_path(method, target));
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
        return Err("a path holds only visible ASCII, no `#`; percent-encode the rest".to_owned());
    }
    check_path(method, target)?;
    Ok(Asked {
        method: method.to_owned(),
        target: target.to_owned(),
    })
}

/// What is refused before any route is looked for is not said to be served by one.
fn check_path(method: &str, target: &str) -> Result<(), String> {
    if method == "CONNECT" {
        return Err(no_path(method, target));
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    target::check_path(path.as_bytes()).map_err(|error| {
        let status = error.status();
        format!("this is answered with {status} before routes are looked for: {error}")
    })
}

/// Reads `pets.example.com`, with a port or without.
pub fn host(text: &str) -> Result<String, String> {
    match target::is_host(text.as_bytes()) {
        true => Ok(text.to_owned()),
        false => Err("write a host as clients name it, like pets.example.com".to_owned()),
    }
}

/// What to write instead of a target that begins otherwise.
fn no_path(method: &str, target: &str) -> String {
    if method == "CONNECT" {
        return "CONNECT asks for a tunnel, which no route serves".to_owned();
    }
    if target == "*" {
        return format!("`*` means the server as a whole and no route; write '{method} /'");
    }
    let Some((_, rest)) = target.split_once("://") else {
        return format!("a path begins with `/`; write '{method} /{target}'");
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    format!("the host stands apart; write --explain '{method} {path}' --host '{host}'")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_are_a_request() {
        for (text, method, target) in [
            ("GET /", "GET", "/"),
            (" POST  /a%20b?c=d ", "POST", "/a%20b?c=d"),
            ("M-SEARCH /", "M-SEARCH", "/"),
        ] {
            let asked = parse(text).unwrap();
            assert_eq!((&*asked.method, &*asked.target), (method, target));
        }
    }

    #[test]
    fn what_is_no_request_is_answered_with_one() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("", "like 'GET /pets/7'");
        check("/pets", "write 'GET /pets'");
        check("GET", "write 'GET /pets/7'");
        check("get /pets", "write 'GET /pets'");
        check("GET pets", "write 'GET /pets'");
        check("GET /my pets", "%20");
        check("GET /pets#7", "percent-encode");
        check("GET /é", "percent-encode");
        check("G=T /", "not a method");
        check("GET http://a.test/x?y=/z", "'GET /x?y=/z' --host 'a.test'");
        check("GET https://a.test:8443", "'GET /' --host 'a.test:8443'");
        check("OPTIONS *", "write 'OPTIONS /'");
        check("CONNECT a.test:443", "no route serves");
        check("CONNECT /p", "no route serves");
        check("GET /p HTTP/1.1", "write 'GET /p'");
        check("GET /%zz", "answered with 400");
        check("GET /pets/../cats", "dot segment");
    }

    #[test]
    fn a_host_is_one_that_a_client_could_send() {
        for text in ["a.example", "a.example:80", "127.0.0.1", "[::1]:80"] {
            assert_eq!(host(text).unwrap(), text);
        }
        for text in ["", "http://a", "a b", "a/b", "u@a"] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
