//! The first run: an example API, an upstream and a function behind it, and lines to try.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path as FilePath, PathBuf};

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::base::id::ResourceIds;
use crate::base::json;
use crate::lambda;

/// The example API in the words of a config file. `upstream` is what [`start_upstream`] returned,
/// `function` the folder of the function's code; none: without a function.
pub fn config_text(upstream: SocketAddr, function: Option<&FilePath>) -> String {
    let mut text = CONFIG.replace("UPSTREAM", &upstream.to_string());
    // As JSON a path is a TOML string too, whatever is in it.
    if let Some(folder) = function.and_then(FilePath::to_str) {
        text.push_str(&FUNCTION.replace("FOLDER", &json::line(&folder)));
    }
    text
}

const CONFIG: &str = r#"# The example API.
[listeners.main]
address = "127.0.0.1:8080"

[upstreams.demo]
targets = ["UPSTREAM"]

# The gateway answers by itself.
[apis.example.routes."GET /hello"]
integration = { type = "mock", headers = { "content-type" = "application/json" }, body = '{"message":"hello from daemun"}' }

# An upstream answers; `{id}` travels with the request.
[apis.example.routes."GET /pets/{id}"]
integration = { type = "http_proxy", uri = "http://demo/pets/{id}" }

# Everything below /echo comes back as the upstream saw it.
[apis.example.routes."ANY /echo/{path+}"]
integration = { type = "http_proxy", uri = "http://demo/{path}" }

# Two at once, then one every two seconds; more get 429.
[apis.example.routes."GET /coffee"]
integration = { type = "mock", headers = { "content-type" = "application/json" }, body = '{"message":"a cup of coffee"}' }
throttling = { rate_limit = 0.5, burst_limit = 2 }
"#;

const FUNCTION: &str = r#"
# A Lambda function on this machine.
[functions.greet]
runtime = "python3.12"
handler = "app.handler"
code = FOLDER

[apis.example.routes."GET /greet"]
integration = { type = "aws_proxy", function = "greet" }
"#;

const CODE: &str = r#"def handler(event, context):
    name = event.get("queryStringParameters", {}).get("name", "stranger")
    return {"message": f"hello {name}, from a Python function"}
"#;

/// Lines to try at `address`: a mock, a proxied route, a throttle being hit, and the function if
/// there is one.
pub fn hints(address: SocketAddr, has_function: bool) -> String {
    let mut lines = format!(
        "curl http://{address}/hello\n\
         curl http://{address}/pets/7\n\
         curl -s -w ' %{{http_code}}\\n' 'http://{address}/coffee?cup=[1-4]'\n"
    );
    if has_function {
        lines.push_str(&format!("curl 'http://{address}/greet?name=Bori'\n"));
    }
    lines
}

/// The code of the example's function, on disk for as long as this lives.
#[derive(Debug)]
pub struct FunctionCode {
    folder: PathBuf,
}

impl FunctionCode {
    /// None where there is no Python to run it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write() -> io::Result<Option<Self>> {
        if lambda::in_path("python3").is_none() {
            return Ok(None);
        }
        // A name that nobody can guess: others may write to the folder of temporary files.
        let name = format!("daemun-example-{}", ResourceIds::from_system()?.next(20));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        let code = Self { folder };
        std::fs::write(code.folder.join("app.py"), CODE)?;
        Ok(Some(code))
    }

    pub fn folder(&self) -> &FilePath {
        &self.folder
    }
}

impl Drop for FunctionCode {
    fn drop(&mut self) {
        // Whoever has taken it away already has done what is wanted.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts the upstream of the example API on the current tokio runtime, as whose guest it lives;
/// returns where it listens.
///
/// # Errors
/// When the system has no port or descriptor left.
pub async fn start_upstream() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/pets/{id}", get(pet)).fallback(echo);
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok(address)
}

#[derive(Debug, Serialize)]
struct Pet<'a> {
    id: u32,
    name: &'a str,
    kind: &'a str,
}

const PETS: [(&str, &str); 5] = [
    ("Bori", "dog"),
    ("Nabi", "cat"),
    ("Toto", "parrot"),
    ("Mimi", "rabbit"),
    ("Geobuk", "turtle"),
];

/// Any number has a pet.
async fn pet(Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<u32>() else {
        let body = "{\n  \"message\": \"a pet has a number\"\n}\n".to_owned();
        return answer(StatusCode::NOT_FOUND, body);
    };
    let (name, kind) = PETS[id as usize % PETS.len()];
    answer(StatusCode::OK, json::pretty(&Pet { id, name, kind }))
}

#[derive(Debug, Serialize)]
struct Echo<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// Lines of one name are joined; bytes that are not UTF-8 are replaced.
    headers: BTreeMap<&'a str, String>,
}

async fn echo(request: Request) -> Response {
    let uri = request.uri();
    let echo = Echo {
        method: request.method().as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        headers: listed(request.headers()),
    };
    answer(StatusCode::OK, json::pretty(&echo))
}

fn listed(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let joined = |name| {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        values.join(", ")
    };
    headers
        .keys()
        .map(|name| (name.as_str(), joined(name)))
        .collect()
}

fn answer(status: StatusCode, body: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::model::v2::Integration;
    use crate::server::config::Config;

    fn config() -> Config {
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_001));
        let text = config_text(upstream, Some(FilePath::new("/tmp/a \"b\"")));
        Config::parse(&text, "example.toml").unwrap_or_else(|report| panic!("{report}"))
    }

    #[test]
    fn the_example_is_a_config_without_problems() {
        let config = config();
        let listener = &config.settings.listeners[0];
        assert_eq!(listener.address.to_string(), "127.0.0.1:8080");
        assert_eq!(config.snapshot.upstreams[0].targets[0].port, 40_001);
        let routes = &config.snapshot.apis[0].routes;
        let mock = |integration: &Integration| matches!(integration, Integration::Mock { .. });
        assert!(routes.iter().any(|route| mock(&route.integration)));
        assert!(routes.iter().any(|route| !mock(&route.integration)));
        let functions = &config.functions;
        assert_eq!(functions.len(), 1);
        assert!(routes.iter().any(|route| route.throttle.is_some()));
    }

    #[test]
    fn each_line_to_try_is_for_a_route_of_the_example() {
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let text = config_text(upstream, Some(FilePath::new("/f")));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        assert_eq!(hints(address, false).lines().count(), 3);
        let hints = hints(address, true);
        let lines: Vec<&str> = hints.lines().collect();
        assert_eq!(lines.len(), 4);
        for (line, route) in lines.iter().zip(["/hello", "/pets/", "/coffee", "/greet"]) {
            assert!(line.starts_with("curl "), "{line}");
            assert!(line.contains(&format!("http://127.0.0.1:8080{route}")));
            assert!(text.contains(&format!("\"GET {route}")));
        }
        // More are asked for than the throttle lets through.
        assert!(text.contains("burst_limit = 2") && hints.contains("[1-4]"));
    }

    async fn ask(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nhost: demo\r\nx-a: b\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_upstream_has_pets_and_echoes_the_rest() {
        let address = start_upstream().await.unwrap();
        let check = async |line: &str, expected: &[&str]| {
            let answer = ask(address, line).await;
            for part in expected {
                assert!(answer.contains(part), "{line}: {answer}");
            }
        };
        check("GET /pets/7", &["200 OK", "\"id\": 7", "\"parrot\""]).await;
        check("GET /pets/x", &["404", "a number"]).await;
        let echoed = ["\"DELETE\"", "\"/a/b\"", "\"c=d\"", "\"x-a\": \"b\""];
        check("DELETE /a/b?c=d", &echoed).await;
    }
}
