//! Access keys: who signs, for which account, under which policy.

use std::collections::HashMap;
use std::fmt;

use crate::aws::arn;

/// One long-lived key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    pub secret: String,
    /// Comes with temporary keys: requests then have to present it.
    pub session_token: Option<String>,
    /// When the key ends, seconds since 1970; none: never.
    pub expires_s: Option<u64>,
    /// Twelve digits.
    pub account: String,
    /// The user's name, the last part of its ARN.
    pub name: String,
    /// The name of the identity policy; without one, everything in the account is allowed.
    pub policy: Option<String>,
}

impl AccessKey {
    /// `arn:aws:iam::111122223333:user/alice`.
    pub fn user_arn(&self, region: &str) -> String {
        let partition = arn::partition_of(region);
        format!("arn:{partition}:iam::{}:user/{}", self.account, self.name)
    }
}

/// Secrets stay out of logs.
impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// All keys that may sign, by id.
#[derive(Clone, Debug, Default)]
pub struct AccessKeys(HashMap<String, AccessKey>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    #[error("access key `{0}` is there twice")]
    Twice(String),
    #[error("`{0}` is no access key id: 16 to 128 letters, digits or `_`")]
    Id(String),
    #[error("access key `{0}` needs a secret")]
    Secret(String),
    #[error("access key `{id}`: account `{account}` is not 12 digits")]
    Account { id: String, account: String },
}

impl AccessKeys {
    /// # Errors
    /// The first key that cannot be used.
    pub fn new(keys: impl IntoIterator<Item = AccessKey>) -> Result<Self, AccessKeyError> {
        let mut by_id = HashMap::new();
        for key in keys {
            check(&key)?;
            if let Some(before) = by_id.insert(key.id.clone(), key) {
                return Err(AccessKeyError::Twice(before.id));
            }
        }
        Ok(Self(by_id))
    }

    pub fn find(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &AccessKey> {
        self.0.values()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check(key: &AccessKey) -> Result<(), AccessKeyError> {
    let id = key.id.clone();
    if !is_access_key_id(&id) {
        return Err(AccessKeyError::Id(id));
    }
    if key.secret.is_empty() {
        return Err(AccessKeyError::Secret(id));
    }
    if !is_account(&key.account) {
        let account = key.account.clone();
        return Err(AccessKeyError::Account { id, account });
    }
    Ok(())
}

/// Whether `text` fits the pattern of `accessKeyIdType` in IAM's model: `[\w]+`, 16 to 128.
pub fn is_access_key_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (16..=128).contains(&text.len()) && text.bytes().all(word)
}

/// Whether `text` is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str, account: &str) -> AccessKey {
        AccessKey {
            id: id.to_owned(),
            secret: secret.to_owned(),
            session_token: None,
            expires_s: None,
            account: account.to_owned(),
            name: "alice".to_owned(),
            policy: None,
        }
    }

    #[test]
    fn keys_are_checked_and_found_by_id() {
        let good = key("AKIAIOSFODNN7EXAMPLE", "secret", "111122223333");
        let keys = AccessKeys::new([good.clone()]).unwrap_or_default();
        assert_eq!(keys.find("AKIAIOSFODNN7EXAMPLE"), Some(&good));
        assert_eq!(keys.find("AKIAIOSFODNN7EXAMPLF"), None);
        assert_eq!(
            good.user_arn("cn-north-1"),
            "arn:aws-cn:iam::111122223333:user/alice"
        );
        for (bad, wanted) in [
            (vec![good.clone(), good], "twice"),
            (vec![key("short", "s", "111122223333")], "no access key id"),
            (
                vec![key("AKIAIOSFODNN7EXAMPLE", "", "111122223333")],
                "needs a secret",
            ),
            (
                vec![key("AKIAIOSFODNN7EXAMPLE", "s", "11112222333")],
                "12 digits",
            ),
        ] {
            let error = AccessKeys::new(bad).map(drop).map_err(|e| e.to_string());
            assert!(error.is_err_and(|text| text.contains(wanted)), "{wanted}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let key = key("AKIAIOSFODNN7EXAMPLE", "hush", "111122223333");
        assert!(!format!("{key:?}").contains("hush"));
    }
}
