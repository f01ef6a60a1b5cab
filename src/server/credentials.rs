//! Where the keys that sign requests to AWS come from, and where STS is asked for those of roles.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::aws::endpoint::Endpoint;
use crate::aws::{SessionKeys, session};
use crate::model::Upstream;
use crate::rt::tls::Trust;
use crate::server::config::{AwsKeys, Settings, Written};
use crate::server::metadata::{self, Place};

/// What the vault needs to know of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    pub sources: AwsKeys,
    /// Who has keys where the config, the environment and the shared file have none.
    pub place: Option<Place>,
    pub sts_url: String,
    /// The value of `Host`.
    pub sts_host: String,
    pub sts_path: String,
    pub sts_region: String,
    /// Where to connect to, if the URL names an upstream.
    pub sts_through: Option<(String, u16)>,
    pub sts_trust: Trust,
}

impl Desk {
    pub fn of(settings: &Settings, upstreams: &[Upstream]) -> Self {
        let endpoint = Endpoint {
            subdomain: None,
            service: "sts",
            region: &settings.aws.services.region,
        };
        let own = format!("https://{}", endpoint.host());
        let services = &settings.aws.services;
        let url = services.endpoint_of(["sts"]).unwrap_or(&own);
        let url = url.trim_end_matches('/');
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        let mut upstreams = upstreams.iter();
        let upstream = upstreams.find(|upstream| upstream.name.eq_ignore_ascii_case(host));
        let tls = upstream.map(|upstream| &upstream.tls);
        Self {
            sources: settings.aws.keys.clone(),
            place: match settings.aws.keys {
                AwsKeys::Usual => metadata::place(),
                _ => None,
            },
            sts_url: url.to_owned(),
            sts_host: host.to_owned(),
            sts_path: path,
            sts_region: endpoint.signing_region().to_owned(),
            sts_through: upstream
                .and_then(|upstream| upstream.targets.first())
                .map(|target| (target.host.clone(), target.port)),
            sts_trust: match tls {
                Some(tls) if tls.insecure_skip_verification => Trust::Anybody,
                Some(tls) => tls
                    .ca_file
                    .as_ref()
                    .map_or(Trust::System, |file| Trust::File(PathBuf::from(file))),
                None => Trust::System,
            },
        }
    }
}

/// The keys of the gateway itself: those of the config, else of the environment, else of the
/// shared credentials file. Those of the machine have to be asked for.
///
/// # Errors
/// Why there are none.
pub fn own_keys(sources: &AwsKeys) -> Result<SessionKeys, String> {
    match sources {
        AwsKeys::Written {
            access_key_id,
            secret,
            session_token,
        } => Ok(SessionKeys {
            access_key_id: access_key_id.clone(),
            secret: match secret {
                Written::Here(secret) => secret.clone(),
                Written::File(path) => text(path)?.trim().to_owned(),
            },
            session_token: session_token.clone(),
            expires_s: None,
        }),
        AwsKeys::Shared { profile, file } => shared(profile.as_deref(), file.as_deref()),
        AwsKeys::Usual => match (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(access_key_id), Some(secret)) => Ok(SessionKeys {
                access_key_id,
                secret,
                session_token: variable("AWS_SESSION_TOKEN"),
                expires_s: None,
            }),
            _ => shared(None, None),
        },
    }
}

fn shared(profile: Option<&str>, file: Option<&Path>) -> Result<SessionKeys, String> {
    let none = |why: String| format!("the gateway has no AWS credentials: {why}");
    let named = || variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let usual = || Some(PathBuf::from(variable("HOME")?).join(".aws/credentials"));
    let file = file.map(Path::to_path_buf).or_else(named).or_else(usual);
    let file = file.ok_or_else(|| none("there is no home directory".to_owned()))?;
    let profile = profile.map(str::to_owned);
    let profile = profile.or_else(|| variable("AWS_PROFILE"));
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    let found = text(&file).and_then(|text| {
        let found = session::of_profile(&text, &profile);
        found.map_err(|why| format!("{} in {}", why, file.display()))
    });
    found.map_err(none)
}

/// Of the environment; an empty one is none.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A file with keys is small.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(text)
}

/// The files that keys are in, to be watched.
pub fn files(settings: &Settings) -> Option<PathBuf> {
    match &settings.aws.keys {
        AwsKeys::Written {
            secret: Written::File(path),
            ..
        } => Some(path.clone()),
        AwsKeys::Shared { file, .. } => file.clone(),
        _ => None,
    }
}
