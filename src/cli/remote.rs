//! The running gateway that a command asks: where it is, and how to sign for it.

use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::aws::sigv4::{Payload, Request, Signer};
use crate::base::{Clock, json};
use crate::server::config::{Config, Management};
use crate::server::keys;

/// Flags of every command that asks a running gateway.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// The management listener, like http://127.0.0.1:8081 [default: as AWS_ENDPOINT_URL_… or
    /// AWS_ENDPOINT_URL says, or that]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The gateway's config file: it says where the listener is, and has the access keys
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sign with this key of the config file [default: AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY, or else its first key]
    #[arg(long, value_name = "ID", requires = "config")]
    pub key: Option<String>,
}

/// Where the management listener is unless something says otherwise.
pub const USUAL: &str = "http://127.0.0.1:8081";

/// What AWS's tools read, the closest first.
const ENDPOINT_VARIABLES: &[&str] = &[
    "AWS_ENDPOINT_URL_API_GATEWAY",
    "AWS_ENDPOINT_URL_APIGATEWAYV2",
    "AWS_ENDPOINT_URL",
];

/// A key and its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Where {
    /// The `management` table of the config file, if one was named.
    pub fn management(&self) -> anyhow::Result<Option<Management>> {
        let Some(file) = &self.config else {
            return Ok(None);
        };
        let management = management(file)?;
        let off = || anyhow!("`management.address` is \"off\" in {}", file.display());
        management.ok_or_else(off).map(Some)
    }

    /// The URL of the listener.
    pub fn url(&self, management: Option<&Management>) -> String {
        if let Some(endpoint) = &self.endpoint {
            return endpoint.clone();
        }
        if let Some(management) = management {
            return format!("http://{}", reachable(management.address));
        }
        let mut variables = ENDPOINT_VARIABLES.iter().filter_map(|name| variable(name));
        variables.next().unwrap_or_else(|| USUAL.to_owned())
    }

    /// The key to sign with; one that nobody knows when there is none, since a gateway may accept
    /// any.
    pub fn signature(&self, management: Option<&Management>) -> anyhow::Result<Signature> {
        let own = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        if let (None, Some((id, secret))) = (&self.key, own) {
            let token = variable("AWS_SESSION_TOKEN");
            return Ok(Signature { id, secret, token });
        }
        let mut keys = management.iter().flat_map(|management| &management.keys);
        let key = match &self.key {
            None => keys.next(),
            Some(id) => {
                let unknown = || anyhow!("the config file has no key {id}");
                Some(keys.find(|key| key.id == *id).ok_or_else(unknown)?)
            }
        };
        Ok(match key {
            Some(key) => Signature {
                id: key.id.clone(),
                secret: keys::secret(key).map_err(anyhow::Error::msg)?,
                token: None,
            },
            None => Signature {
                id: "ANYKEYWITHOUTCHECK".to_owned(),
                secret: "any".to_owned(),
                token: None,
            },
        })
    }

    pub fn remote(&self) -> anyhow::Result<Remote> {
        let management = self.management()?;
        let url = self.url(management.as_ref());
        Ok(Remote {
            host: host(&url)?.to_owned(),
            signature: self.signature(management.as_ref())?,
        })
    }
}

/// The `management` table of a config file; none: it is off.
pub fn management(file: &Path) -> anyhow::Result<Option<Management>> {
    let config = Config::load(file).map_err(|report| anyhow!("{report}"))?;
    Ok(config.settings.management)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// An address that listens everywhere is reached here.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Host and port of `http://host:port`.
fn host(url: &str) -> anyhow::Result<&str> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url}: write the management listener as http://HOST:PORT");
    };
    match rest.trim_end_matches('/') {
        host if host.is_empty() || host.contains('/') => {
            bail!("{url}: write the management listener as http://HOST:PORT")
        }
        host => Ok(host),
    }
}

/// A gateway that answers signed requests.
#[derive(Debug)]
pub struct Remote {
    /// With its port, as in `Host`.
    host: String,
    signature: Signature,
}

/// The region to sign for where none matters.
const ANY_REGION: &str = "us-east-1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A change waits until all cores serve it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 256 << 20;

impl Remote {
    /// Asks for what is at `path`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let body = self.ask("GET", path, ANY_REGION, "")?;
        json::read(&body).map_err(|error| anyhow!("{}{path}: {error}", self.host))
    }

    /// Changes what is at `path` in a region.
    pub fn patch(&self, path: &str, region: &str, body: &str) -> anyhow::Result<()> {
        self.ask("PATCH", path, region, body).map(drop)
    }

    /// The body of the answer; an error in its words if it is not of the 200s.
    fn ask(&self, method: &str, path: &str, region: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.exchange(&self.request(method, path, region, body))?;
        let foreign = || anyhow!("what answers on http://{} is no daemun", self.host);
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or_else(foreign)?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(foreign)?;
        let body = &answer[end + 4..];
        if (200..300).contains(&status) {
            return Ok(body.to_vec());
        }
        Err(refusal(&head, status, body))
    }

    /// HTTP/1.0: an answer is over when the connection is.
    fn request(&self, method: &str, path: &str, region: &str, body: &str) -> Vec<u8> {
        let Signature { id, secret, token } = &self.signature;
        let signer = Signer {
            access_key_id: id,
            secret,
            session_token: token.as_deref(),
            region,
            service: "apigateway",
        };
        let request = Request {
            method,
            path: path.as_bytes(),
            query: b"",
            headers: &[(b"host", self.host.as_bytes())],
        };
        let payload = Payload::Bytes(body.as_bytes());
        let signed = signer.sign(&request, Some(&payload), Clock::real().epoch_ms());
        let mut text = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", self.host);
        for (name, value) in signed {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        text.push_str(&format!("Content-Length: {length}\r\n\r\n{body}"));
        text.into_bytes()
    }

    fn exchange(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let url = format!("http://{}", self.host);
        let with_port = match self.host.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => self.host.clone(),
            _ => format!("{}:80", self.host),
        };
        let nobody = || {
            format!(
                "no daemun answers on {url}; start one, or say where it is with --endpoint or --config"
            )
        };
        let mut addresses = with_port.to_socket_addrs().with_context(nobody)?;
        let address = addresses.next().with_context(nobody)?;
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT);
        let mut stream = stream.with_context(nobody)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let broken = || format!("{url} broke off");
        stream.write_all(request).with_context(broken)?;
        let mut answer = Vec::new();
        let mut bounded = stream.take(ANSWER_BYTES_MAX);
        match bounded.read_to_end(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!(
                    "{url} did not answer in {} seconds",
                    ANSWER_TIMEOUT.as_secs()
                )
            }
            read => read.with_context(broken)?,
        };
        Ok(answer)
    }
}

/// `AccessDeniedException: User: …`, as AWS's tools show it, and what to do about it.
fn refusal(head: &str, status: u16, body: &[u8]) -> anyhow::Error {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let message = json::read::<Body>(body).map_or_else(
        |_| String::from_utf8_lossy(body).into_owned(),
        |body| body.message,
    );
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut types = fields.filter(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"));
    let kind = types.next().map_or("", |(_, kind)| kind);
    // What a reader needs of this long one is its first sentence.
    let message = message
        .split("\n\nThe Canonical String")
        .next()
        .unwrap_or_default();
    let hint = match kind {
        "NotFoundException" => return anyhow!("{message}"),
        "UnrecognizedClientException" | "InvalidSignatureException" => {
            "\nset AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that the gateway knows, or \
             name its config file with --config"
        }
        _ => "",
    };
    match kind {
        "" => anyhow!("the answer was {status}: {message}"),
        kind => anyhow!("{kind}: {message}{hint}"),
    }
}
