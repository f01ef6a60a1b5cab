//! Pieces of config files.

use std::net::SocketAddr;

/// One route of the API `main`, passed on to `uri`.
pub fn route(key: &str, uri: &str) -> String {
    route_with(key, &format!("type = \"http_proxy\", uri = {uri:?}"))
}

/// One route of the API `main` that the gateway answers itself.
pub fn mock(key: &str, body: &str) -> String {
    route_with(key, &format!("type = \"mock\", body = {body:?}"))
}

fn route_with(key: &str, integration: &str) -> String {
    api("main", key, integration)
}

/// One route of an API.
pub fn api(name: &str, key: &str, integration: &str) -> String {
    format!("[apis.{name}.routes.{key:?}]\nintegration = {{ {integration} }}\n")
}

/// Passes every request with a path below `/` on to an upstream as it is.
pub fn proxy(upstream: SocketAddr) -> String {
    route("ANY /{proxy+}", &format!("http://{upstream}/{{proxy}}"))
}

/// A table with one line in it.
pub fn table(name: &str, line: &str) -> String {
    format!("[{name}]\n{line}\n")
}
