//! Values as execution logs show them: maps as Java prints them, secrets behind asterisks.

use std::borrow::Cow;

/// Fields whose values are hidden but for their end.
const SECRET: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-amz-security-token",
    "x-api-key",
];
/// So much of the end of a secret is shown.
const SHOWN: usize = 6;
/// Of a shorter secret nothing is shown.
const SECRET_LETTERS_MIN: usize = 18;

/// `{a=1, b=2}`
pub fn map<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> String
where
    N: AsRef<str>,
    V: AsRef<str>,
{
    let mut out = String::from("{");
    for (name, value) in pairs {
        if out.len() > 1 {
            out.push_str(", ");
        }
        out.push_str(name.as_ref());
        out.push('=');
        out.push_str(value.as_ref());
    }
    out.push('}');
    out
}

/// The same with secrets hidden.
pub fn headers<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> String
where
    N: AsRef<str>,
    V: AsRef<str>,
{
    map(pairs.into_iter().map(|(name, value)| {
        let shown = match is_secret(name.as_ref()) {
            true => masked(value.as_ref()),
            false => value.as_ref().to_owned(),
        };
        (name, shown)
    }))
}

pub fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// All but the end as asterisks; the length stays.
pub fn masked(secret: &str) -> String {
    let letters = secret.chars().count();
    let hidden = match letters >= SECRET_LETTERS_MIN {
        true => letters - SHOWN,
        false => letters,
    };
    let shown = secret.chars().skip(hidden);
    std::iter::repeat_n('*', hidden).chain(shown).collect()
}

/// Text of a payload; bytes that are none become U+FFFD. No more of it is looked at than could be
/// shown.
pub fn payload(bytes: &[u8]) -> Cow<'_, str> {
    const LOOKED_AT: usize = 4096;
    String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_read_as_those_of_java() {
        assert_eq!(map::<&str, &str>([]), "{}");
        assert_eq!(map([("a", "1"), ("b", "")]), "{a=1, b=}");
    }

    #[test]
    fn secrets_show_no_more_than_their_end() {
        let check = |name: &str, value: &str, expected: &str| {
            assert_eq!(headers([(name, value)]), format!("{{{name}={expected}}}"));
        };
        check("x-a", "abc", "abc");
        check("X-API-Key", "0123456789abcdefgh", "************cdefgh");
        check("authorization", "short", "*****");
        check("Authorization", "", "");
    }
}
