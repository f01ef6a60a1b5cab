//! Keys of the machine or the container that the gateway runs in, as AWS's own tools find them.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Uri;

use crate::aws::{SessionKeys, session};
use crate::rt::errand::{self, Errand};
use crate::rt::tls::{Client, Trust};
use crate::server::credentials::{text, variable};

/// Who is asked for keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of ECS, EKS, or whatever else the environment names.
    Container { url: String },
    /// Of EC2, version 2 of its metadata service.
    Instance { url: String },
    /// The environment says it wrongly.
    Nowhere { why: String },
}

/// Where ECS answers for its containers.
const CONTAINER: &str = "http://169.254.170.2";
const INSTANCE: &str = "http://169.254.169.254";
const INSTANCE_V6: &str = "http://[fd00:ec2::254]";
/// As AWS's tools wait by default: who is there answers at once.
const LIMIT: Duration = Duration::from_secs(1);
/// A container's keys may have to be made first.
const CONTAINER_LIMIT: Duration = Duration::from_secs(4);
const BYTES_MAX: usize = 64 << 10;

/// Where to ask, by the environment; none: nowhere.
pub fn place() -> Option<Place> {
    place_in(variable)
}

fn place_in(variable: impl Fn(&str) -> Option<String>) -> Option<Place> {
    if let Some(path) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        // Without a slash the host might be another.
        return Some(match path.starts_with('/') {
            true => Place::Container {
                url: format!("{CONTAINER}{path}"),
            },
            false => Place::Nowhere {
                why: format!(
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /: {path}"
                ),
            },
        });
    }
    if let Some(url) = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        return Some(Place::Container { url });
    }
    let is_true = |text: String| text.eq_ignore_ascii_case("true");
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(is_true) {
        return None;
    }
    let mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    let is_v6 = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let usual = if is_v6 { INSTANCE_V6 } else { INSTANCE };
    let url = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let url = url.unwrap_or_else(|| usual.to_owned());
    let url = url.trim_end_matches('/').to_owned();
    Some(Place::Instance { url })
}

/// The keys of now.
///
/// # Errors
/// Why there are none.
pub async fn keys(place: &Place) -> Result<SessionKeys, String> {
    match place {
        Place::Nowhere { why } => Err(why.clone()),
        Place::Container { url } => {
            let keys = of_container(url).await;
            keys.map_err(|why| format!("the container's keys: {why}"))
        }
        Place::Instance { url } => {
            let keys = of_instance(url).await;
            keys.map_err(|why| format!("the instance's metadata: {why}"))
        }
    }
}

async fn of_container(url: &str) -> Result<SessionKeys, String> {
    if !may_be_asked(url) {
        let why = "only https, loopback addresses and those of ECS and EKS are asked";
        return Err(format!("{url}: {why}"));
    }
    // The file may have another one each time.
    let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(text(file.as_ref())?),
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let token = token.map(|token| ("Authorization".to_owned(), token.trim().to_owned()));
    let said = ask("GET", url.to_owned(), token, CONTAINER_LIMIT).await?;
    session::of_metadata(&said)
}

async fn of_instance(url: &str) -> Result<SessionKeys, String> {
    const ROLES: &str = "latest/meta-data/iam/security-credentials/";
    let ttl = (
        "X-aws-ec2-metadata-token-ttl-seconds".to_owned(),
        "300".to_owned(),
    );
    let token = ask("PUT", format!("{url}/latest/api/token"), Some(ttl), LIMIT).await?;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let token = ("X-aws-ec2-metadata-token".to_owned(), token);
    let roles = ask("GET", format!("{url}/{ROLES}"), Some(token.clone()), LIMIT).await?;
    let roles = String::from_utf8_lossy(&roles).into_owned();
    let role = roles.lines().next().map(str::trim).unwrap_or_default();
    if role.is_empty() {
        return Err("the instance has no role".to_owned());
    }
    let said = ask("GET", format!("{url}/{ROLES}{role}"), Some(token), LIMIT).await?;
    session::of_metadata(&said)
}

async fn ask(
    method: &'static str,
    url: String,
    header: Option<(String, String)>,
    limit: Duration,
) -> Result<Vec<u8>, String> {
    let mut headers = vec![("Accept".to_owned(), "*/*".to_owned())];
    headers.extend(header);
    let errand = Errand {
        method,
        url: url.clone(),
        through: None,
        headers,
        body: String::new(),
    };
    let tls = || Client::new(&Trust::System, None, &[b"http/1.1"]).map_err(|e| e.to_string());
    let fetched = errand::run(errand, tls, limit, BYTES_MAX).await?;
    match fetched.status {
        200 => Ok(fetched.body),
        status => Err(format!("{url}: status {status}")),
    }
}

/// As AWS's tools: a token must not go to anybody in plain text.
fn may_be_asked(url: &str) -> bool {
    const KNOWN: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
    // As whoever asks reads it.
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority().filter(|it| !it.as_str().contains('@')) else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => return true,
        Some("http") => {}
        _ => return false,
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    host == "localhost" || KNOWN.contains(&host) || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where_to_ask() {
        let check = |set: &[(&str, &str)], expected: Option<Place>| {
            let found = place_in(|name| {
                let found = set.iter().find(|(own, _)| *own == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected, "{set:?}");
        };
        let instance = |url: &str| Some(Place::Instance { url: url.into() });
        let container = |url: &str| Some(Place::Container { url: url.into() });
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]:80/x");
        let off = ("AWS_EC2_METADATA_DISABLED", "True");
        check(&[], instance(INSTANCE));
        check(&[off], None);
        check(&[off, full], container("http://[::1]:80/x"));
        check(&[full, relative], container("http://169.254.170.2/v2/x"));
        let wrong = (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            ":80@evil.example/",
        );
        let why = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /: :80@evil.example/";
        check(&[wrong], Some(Place::Nowhere { why: why.into() }));
        let mode = ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
        check(&[mode], instance(INSTANCE_V6));
        let own = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/");
        check(&[mode, own], instance("http://127.0.0.1:1"));
        check(
            &[("AWS_EC2_METADATA_DISABLED", "false")],
            instance(INSTANCE),
        );
    }

    #[test]
    fn a_token_goes_to_nobody_else_in_plain_text() {
        for url in [
            "https://example.com/x",
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9",
            "http://[::1]:80/x",
            "http://localhost/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert!(may_be_asked(url), "{url}");
        }
        for url in [
            "http://example.com/x",
            "http://10.0.0.1/x",
            "http://127.0.0.1.example.com/x",
            "http://169.254.169.254/x",
            "http://user@127.0.0.1@example.com/",
            "http://127.0.0.1:x@evil.example/",
            "http://[::1]@evil.example/",
            "http://169.254.170.2:80@evil.example/",
            "https://127.0.0.1@evil.example/",
            ":80@evil.example/",
            "/v2/x",
            "ftp://127.0.0.1/x",
            "",
        ] {
            assert!(!may_be_asked(url), "{url}");
        }
    }
}
