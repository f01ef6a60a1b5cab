//! Keys to sign with, and the texts they come from: a shared credentials file, an answer of STS.

use std::fmt;

use crate::aws::sigv4::Signer;
use crate::base::ascii::percent_encoded;
use crate::base::json;

/// Keys for what we send, good for a while or for ever.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKeys {
    pub access_key_id: String,
    pub secret: String,
    pub session_token: Option<String>,
    /// When they end, seconds since 1970.
    pub expires_s: Option<u64>,
}

impl SessionKeys {
    /// Signs for a service of a region with these keys.
    pub fn signer<'a>(&'a self, service: &'a str, region: &'a str) -> Signer<'a> {
        Signer {
            access_key_id: &self.access_key_id,
            secret: &self.secret,
            session_token: self.session_token.as_deref(),
            region,
            service,
        }
    }

    /// Whether they are still good so many seconds later.
    pub fn last(&self, now_s: u64, seconds: u64) -> bool {
        self.expires_s.is_none_or(|end| end > now_s + seconds)
    }
}

/// Secrets stay out of logs.
impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys")
            .field("access_key_id", &self.access_key_id)
            .field("expires_s", &self.expires_s)
            .finish_non_exhaustive()
    }
}

/// The keys of a profile in the text of a shared credentials file (`~/.aws/credentials`).
///
/// # Errors
/// What is missing.
pub fn of_profile(text: &str, profile: &str) -> Result<SessionKeys, String> {
    let (mut inside, mut is_there) = (false, false);
    let mut found: [Option<String>; 3] = Default::default();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            let name = name.trim();
            // As the config file of AWS's tools writes it.
            let name = name.strip_prefix("profile ").unwrap_or(name).trim();
            inside = name == profile;
            is_there |= inside;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        const KEYS: [&str; 3] = [
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
        ];
        let key = key.trim();
        if let Some(at) = KEYS.iter().position(|own| key.eq_ignore_ascii_case(own)) {
            found[at] = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    match found {
        _ if !is_there => Err(format!("there is no profile `{profile}`")),
        [Some(access_key_id), Some(secret), session_token] => Ok(SessionKeys {
            access_key_id,
            secret,
            session_token,
            expires_s: None,
        }),
        [None, ..] => Err(format!("profile `{profile}` has no aws_access_key_id")),
        _ => Err(format!("profile `{profile}` has no aws_secret_access_key")),
    }
}

/// The body of the request to STS that makes keys of a role. AWS's gateway calls its sessions so.
pub fn assume_role(role: &str) -> String {
    let role = percent_encoded(role, b"");
    format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={role}\
         &RoleSessionName=BackplaneAssumeRoleSession"
    )
}

/// The keys in STS's answer.
///
/// # Errors
/// What is missing.
pub fn of_role(xml: &str) -> Result<SessionKeys, String> {
    let member = |name: &str| {
        let value = element(xml, name);
        value.ok_or_else(|| format!("the answer of STS has no {name}"))
    };
    let expiration = member("Expiration")?;
    let moment: jiff::Timestamp = expiration
        .parse()
        .map_err(|_| format!("the answer of STS has no time in Expiration: {expiration}"))?;
    Ok(SessionKeys {
        access_key_id: member("AccessKeyId")?,
        secret: member("SecretAccessKey")?,
        session_token: Some(member("SessionToken")?),
        expires_s: u64::try_from(moment.as_second()).ok(),
    })
}

/// The keys in an answer of a machine's or a container's metadata.
///
/// # Errors
/// What is missing.
pub fn of_metadata(text: &[u8]) -> Result<SessionKeys, String> {
    let said = json::read::<json::Value>(text).map_err(|why| format!("no JSON: {why}"))?;
    let text = |name: &str| said.get(name)?.as_str().filter(|text| !text.is_empty());
    if let Some(code) = text("Code").filter(|code| *code != "Success") {
        let message = text("Message").or(text("message")).unwrap_or_default();
        return Err(format!("{code}: {message}"));
    }
    let member = |name: &str| {
        let value = text(name).map(str::to_owned);
        value.ok_or_else(|| format!("there is no {name}"))
    };
    let moment = text("Expiration").map(str::parse::<jiff::Timestamp>);
    let moment = moment.transpose();
    let moment = moment.map_err(|_| "there is no time in Expiration".to_owned())?;
    Ok(SessionKeys {
        access_key_id: member("AccessKeyId")?,
        secret: member("SecretAccessKey")?,
        session_token: Some(member("Token")?),
        expires_s: moment.and_then(|moment| u64::try_from(moment.as_second()).ok()),
    })
}

/// Code and message of an error in AWS's query protocol.
pub fn refusal(xml: &str) -> Option<String> {
    let code = element(xml, "Code")?;
    let message = element(xml, "Message").unwrap_or_default();
    Some(format!("{code}: {message}"))
}

/// The text of the first element of this name that has no attributes.
fn element(xml: &str, name: &str) -> Option<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = xml.split_once(&open)?;
    let (text, _) = rest.split_once(&close)?;
    let text = text.trim();
    let plain = text.replace("&lt;", "<").replace("&gt;", ">");
    let plain = plain.replace("&quot;", "\"").replace("&apos;", "'");
    (!text.is_empty()).then(|| plain.replace("&amp;", "&"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_among_others() {
        let text = "# mine\n[default]\naws_access_key_id=AK1\naws_secret_access_key = s=1 \n\n\
                    [ other ]\nAWS_ACCESS_KEY_ID = AK2\naws_secret_access_key = s2\n\
                    aws_session_token = t2\nregion = x\n[half]\naws_access_key_id = AK3\n";
        let keys = of_profile(text, "default").unwrap();
        assert_eq!(
            (keys.access_key_id.as_str(), keys.secret.as_str()),
            ("AK1", "s=1")
        );
        assert_eq!(keys.session_token, None);
        let other = of_profile(text, "other").unwrap();
        assert_eq!(
            (other.access_key_id.as_str(), other.session_token.as_deref()),
            ("AK2", Some("t2"))
        );
        assert_eq!(
            of_profile(text, "half"),
            Err("profile `half` has no aws_secret_access_key".into())
        );
        assert_eq!(
            of_profile(text, "none"),
            Err("there is no profile `none`".into())
        );
        assert!(of_profile("", "default").is_err());
        assert!(!format!("{other:?}").contains("s2"));
    }

    #[test]
    fn the_keys_of_a_machine_are_read() {
        let text =
            br#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s",
                        "Token":"t","Expiration":"2026-01-02T03:04:05Z"}"#;
        let keys = of_metadata(text).unwrap();
        assert_eq!(keys.session_token.as_deref(), Some("t"));
        assert_eq!(keys.expires_s, Some(1_767_323_045));
        let check = |text: &str, expected: &str| {
            let why = of_metadata(text.as_bytes()).unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        check(
            r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}"#,
            "Access: no",
        );
        check(r#"{"AccessKeyId":"A","Token":"t"}"#, "no SecretAccessKey");
        check(
            r#"{"AccessKeyId":7,"SecretAccessKey":"s","Token":"t"}"#,
            "no AccessKeyId",
        );
        check(r#"{"Expiration":"soon"}"#, "no time");
        check("<html>", "no JSON");
    }

    #[test]
    fn the_keys_of_a_role_are_read() {
        let xml = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                   <AssumeRoleResult><Credentials><SessionToken>a/b&amp;c==</SessionToken>\
                   <SecretAccessKey>s</SecretAccessKey><Expiration>2026-01-02T03:04:05Z</Expiration>\
                   <AccessKeyId>ASIA1</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let keys = of_role(xml).unwrap();
        assert_eq!(keys.session_token.as_deref(), Some("a/b&c=="));
        assert_eq!(keys.expires_s, Some(1_767_323_045));
        assert!(keys.last(1_767_323_000, 44) && !keys.last(1_767_323_000, 45));
        assert!(of_role("<SecretAccessKey>s</SecretAccessKey>").is_err());
        let error = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not &lt;you&gt;</Message></Error></ErrorResponse>";
        assert_eq!(refusal(error).unwrap(), "AccessDenied: not <you>");
        assert_eq!(refusal("{}"), None);
        let body = assume_role("arn:aws:iam::111122223333:role/a+b");
        assert!(body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fa%2Bb&"));
    }
}
