//! Truststores: the certificates that the clients of a domain are held against, and where they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::publish::domain::TRUST;
use crate::rt::tls;

/// Files and folders that stand for what AWS keeps in S3, by `s3://bucket/key`; what ends with a
/// slash stands for all keys that begin with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truststores(pub BTreeMap<String, PathBuf>);

impl Truststores {
    /// The file with a truststore; the longest name decides.
    fn find(&self, uri: &str) -> Option<PathBuf> {
        if let Some(file) = self.0.get(uri).filter(|_| !uri.ends_with('/')) {
            return Some(file.clone());
        }
        let folders = self.0.iter().rev();
        let mut folders = folders.filter(|(start, _)| start.ends_with('/'));
        let (folder, rest) = folders.find_map(|(start, folder)| {
            let rest = uri.strip_prefix(start.as_str())?;
            Some((folder, rest))
        })?;
        // A key must not lead out of the folder.
        let mut parts = Path::new(rest).components();
        let is_below = parts.all(|part| matches!(part, Component::Normal(_)));
        (is_below && !rest.is_empty()).then(|| folder.join(rest))
    }
}

const MEMBER: &str = "mutualTlsAuthentication";

/// A record that was told where its truststore is gets what is in it, as it is now. One that was
/// told an empty place has none.
///
/// # Errors
/// When it cannot be used.
pub fn take(desk: &Desk<'_>, record: &mut Record) -> Outcome<()> {
    record.shift_remove(TRUST);
    let place = record.get(MEMBER).map(|own| own["truststoreUri"].clone());
    let Some(uri) = place
        .as_ref()
        .and_then(Value::as_str)
        .filter(|uri| !uri.is_empty())
    else {
        record.shift_remove(MEMBER);
        return Ok(());
    };
    let text = read(desk, uri)?;
    let now_ms = i64::try_from(desk.now_ms()).unwrap_or(i64::MAX);
    let warnings = tls::inspect_truststore(&text, now_ms)
        .map_err(|what| Error::bad_request(format!("Invalid truststoreUri {uri}: {what}")))?;
    if let Some(Value::Object(own)) = record.get_mut(MEMBER) {
        own.shift_remove(WARNINGS);
        if !warnings.is_empty() {
            own.insert(WARNINGS.to_owned(), json!(warnings));
        }
    }
    record.insert(TRUST.to_owned(), text.into());
    Ok(())
}

const WARNINGS: &str = "truststoreWarnings";

/// No truststore in its right mind is larger.
const BYTES_MAX: u64 = 1 << 20;

fn read(desk: &Desk<'_>, uri: &str) -> Outcome<String> {
    let refused = |what: &str| Error::bad_request(format!("Invalid truststoreUri {uri}: {what}"));
    let file = match uri.strip_prefix("file://") {
        Some(path) if !desk.is_strict() => PathBuf::from(path),
        _ if uri.starts_with("s3://") => desk.truststores().find(uri).ok_or_else(|| {
            refused(
                "the gateway fetches nothing from S3; name the file that stands for it in \
                 [management.truststores] of the config file",
            )
        })?,
        _ => return Err(refused("it must begin with s3://")),
    };
    let mut text = String::new();
    let read =
        File::open(&file).and_then(|open| open.take(BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > BYTES_MAX => Err(refused("it is larger than 1 MiB")),
        Ok(_) => Ok(text),
        Err(error) => Err(refused(&format!("{}: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_leads_to_its_file_and_not_out_of_its_folder() {
        let all = [
            ("s3://one/a.pem", "/etc/a.pem"),
            ("s3://many/", "/srv/many"),
            ("s3://many/deep/", "/srv/deep"),
        ];
        let all = all.map(|(uri, path)| (uri.to_owned(), PathBuf::from(path)));
        let truststores = Truststores(BTreeMap::from(all));
        let check = |uri: &str, expected: Option<&str>| {
            let found = truststores.find(uri);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{uri}");
        };
        check("s3://one/a.pem", Some("/etc/a.pem"));
        check("s3://one/a.pem/b", None);
        check("s3://many/x/y.pem", Some("/srv/many/x/y.pem"));
        check("s3://many/deep/y.pem", Some("/srv/deep/y.pem"));
        check("s3://many/", None);
        check("s3://many/../passwd", None);
        check("s3://many//etc/passwd", None);
        check("s3://manya.pem", None);
    }
}
