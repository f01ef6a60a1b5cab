//! From the access keys of the config, and the files that they name, to who may manage.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crate::aws::{AccessKey, AccessKeys};
use crate::control::Access;
use crate::control::caller::Keys;
use crate::gateway::auth::Callers;
use crate::lang::policy::{Kind, Policy};
use crate::server::config::{Management, ManagementKey, Settings, Written};
use crate::server::management::ManagementError;

/// Who may call, as the config and its files say at this moment.
///
/// # Errors
/// What hinders it, with the field to blame.
pub fn access(settings: &Management) -> Result<Access, String> {
    if settings.keys.is_empty() {
        return Ok(Access::Open {
            account: settings.default_account.clone(),
        });
    }
    let (keys, policies) = read(settings)?;
    Ok(Access::Keys(Keys::new(keys, policies)))
}

/// Whose signatures count on the data plane. In strict mode they have no calls explained, since AWS
/// has no such thing.
///
/// # Errors
/// As `access`.
pub fn callers(settings: &Settings) -> Result<Arc<Callers>, String> {
    let Some(management) = &settings.management else {
        return Ok(Arc::default());
    };
    let (keys, policies) = read(management)?;
    let may_explain = !management.strict && !keys.is_empty();
    let account = management.default_account.clone();
    Ok(Arc::new(Callers::new(
        keys,
        &policies,
        (account, settings.region.clone()),
        may_explain,
    )))
}

/// The keys, and the policies by the names that the keys have for them.
type Found = (AccessKeys, HashMap<String, Arc<Policy>>);

fn read(settings: &Management) -> Result<Found, String> {
    let mut keys = Vec::new();
    let mut policies = HashMap::new();
    for key in &settings.keys {
        let ManagementKey {
            id, account, name, ..
        } = key;
        let secret = secret(key)?;
        if let Some(policy) = &key.policy {
            let policy = text(policy).and_then(|text| {
                let policy = Policy::parse(&text, Kind::Identity);
                policy.map_err(|error| error.to_string())
            });
            let policy = policy.map_err(|what| blame(id, "policy_file", &what))?;
            policies.insert(id.clone(), Arc::new(policy));
        }
        keys.push(AccessKey {
            id: id.clone(),
            secret,
            session_token: session_token(key)?,
            expires_s: key.expires_s,
            account: account.clone(),
            name: name.clone(),
            policy: key.policy.is_some().then(|| id.clone()),
        });
    }
    let keys = AccessKeys::new(keys).map_err(|error| format!("`management.keys`: {error}"))?;
    Ok((keys, policies))
}

/// The secret of a key, from where the config says it is.
///
/// # Errors
/// What hinders it, with the field to blame.
pub fn secret(key: &ManagementKey) -> Result<String, String> {
    let secret = text(&key.secret).map_err(|what| blame(&key.id, "secret_file", &what))?;
    // An editor ends the file with a line break; no secret of AWS's has blanks.
    Ok(secret.trim().to_owned())
}

/// As `secret`; most keys have none.
fn session_token(key: &ManagementKey) -> Result<Option<String>, String> {
    let token = key.session_token.as_ref().map(text).transpose();
    let token = token.map_err(|what| blame(&key.id, "session_token_file", &what))?;
    Ok(token.map(|token| token.trim().to_owned()))
}

/// Whether a start could use the keys.
///
/// # Errors
/// What would hinder it.
pub fn check(settings: &Settings) -> Result<(), ManagementError> {
    let access = settings.management.as_ref().map(access).transpose();
    access.map(drop).map_err(ManagementError::Keys)
}

/// The files that keys name, to be watched.
pub fn files(settings: &Management) -> impl Iterator<Item = PathBuf> {
    let keys = settings.keys.iter();
    let written = keys.flat_map(|key| {
        let optional = key.policy.iter().chain(&key.session_token);
        std::iter::once(&key.secret).chain(optional)
    });
    written.filter_map(|written| match written {
        Written::File(path) => Some(path.clone()),
        Written::Here(_) => None,
    })
}

fn text(written: &Written) -> Result<String, String> {
    let path = match written {
        Written::Here(text) => return Ok(text.clone()),
        Written::File(path) => path,
    };
    let name = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        // One byte more than allowed tells a full file from one that is too large.
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    });
    read.map_err(|error| format!("{name} cannot be read: {error}"))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{name} is longer than {FILE_BYTES_MAX} bytes"));
    }
    if text.trim().is_empty() {
        return Err(format!("{name} is empty"));
    }
    Ok(text)
}

/// AWS's largest identity policy has 10,240 characters, blanks not counted.
const FILE_BYTES_MAX: u64 = 64 << 10;

fn blame(id: &str, field: &str, what: &str) -> String {
    format!("`management.keys.{id}.{field}`: {what}")
}
