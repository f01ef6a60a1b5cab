//! Bytes and texts: which payloads are binary, and what content handling makes of them.
//! (AWS: "Content type conversions in API Gateway", the tables of requests and responses.)

use std::borrow::Cow;

use crate::base::{ascii, crypto};
use crate::plan::rest::{ContentHandling, MediaTypes};

/// A payload on its way, and whether a template may look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'b> {
    pub bytes: Cow<'b, [u8]>,
    /// Bytes that are no text: a template cannot be run over them.
    pub is_binary: bool,
}

/// What should be base64 is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

fn raw(bytes: &[u8]) -> Payload<'_> {
    Payload {
        bytes: Cow::Borrowed(bytes),
        is_binary: true,
    }
}

/// UTF-8; what is none becomes U+FFFD.
fn text(bytes: &[u8]) -> Payload<'_> {
    Payload {
        bytes: match ascii::text(bytes) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        is_binary: false,
    }
}

fn encoded(bytes: &[u8]) -> Payload<'static> {
    Payload {
        bytes: Cow::Owned(crypto::base64(bytes).into_bytes()),
        is_binary: false,
    }
}

fn decoded(bytes: &[u8]) -> Result<Payload<'static>, NotBase64> {
    let text = std::str::from_utf8(bytes).map_err(|_| NotBase64)?;
    // The text of a function comes as JSON, in quotes.
    let text = text.trim().trim_matches('"');
    let bytes = crypto::from_base64(text).ok_or(NotBase64)?;
    Ok(Payload {
        bytes: Cow::Owned(bytes),
        is_binary: true,
    })
}

/// The body of a request whose media type is `media_type`.
///
/// # Errors
/// A text that should become bytes is not base64.
pub fn request<'b>(
    types: &MediaTypes,
    handling: Option<ContentHandling>,
    media_type: &str,
    body: &'b [u8],
) -> Result<Payload<'b>, NotBase64> {
    match (handling, types.has(media_type)) {
        (Some(ContentHandling::ToText), true) => Ok(encoded(body)),
        (Some(ContentHandling::ToText) | None, false) => Ok(text(body)),
        (Some(ContentHandling::ToBinary), false) => decoded(body),
        (Some(ContentHandling::ToBinary) | None, true) => Ok(raw(body)),
    }
}

/// The body of an answer of this media type, for a client that accepts `accept` first.
///
/// # Errors
/// A text that should become bytes is not base64.
pub fn response<'b>(
    types: &MediaTypes,
    handling: Option<ContentHandling>,
    media_type: Option<&str>,
    accept: Option<&str>,
    body: &'b [u8],
) -> Result<Payload<'b>, NotBase64> {
    let is_binary = media_type.is_some_and(|own| types.has(own));
    let wants_binary = accept.is_some_and(|wanted| types.has(wanted));
    match (handling, is_binary, wants_binary) {
        (Some(ContentHandling::ToText), true, _) | (None, true, false) => Ok(encoded(body)),
        (Some(ContentHandling::ToText), false, _) | (None, false, false) => Ok(text(body)),
        (Some(ContentHandling::ToBinary), true, _) | (None, true, true) => Ok(raw(body)),
        (Some(ContentHandling::ToBinary), false, _) | (None, false, true) => decoded(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables, a row each: content handling, media type, what becomes of the body.
    #[test]
    fn requests_are_handled_by_awss_table() {
        let types = MediaTypes::new(&["image/png".to_owned(), "application/*".to_owned()]);
        let check = |handling, media_type: &str, body: &[u8], expected: Option<(&[u8], bool)>| {
            let found = request(&types, handling, media_type, body).ok();
            let found = found.map(|found| (found.bytes.to_vec(), found.is_binary));
            let expected = expected.map(|(bytes, is_binary)| (bytes.to_vec(), is_binary));
            assert_eq!(found, expected, "{handling:?} {media_type}");
        };
        let (to_text, to_binary) = (ContentHandling::ToText, ContentHandling::ToBinary);
        check(None, "image/png", b"\xff", Some((b"\xff", true)));
        check(None, "application/x", b"\xff", Some((b"\xff", true)));
        check(
            None,
            "text/plain",
            b"a\xff",
            Some(("a\u{fffd}".as_bytes(), false)),
        );
        check(Some(to_text), "image/png", b"abc", Some((b"YWJj", false)));
        check(Some(to_text), "text/plain", b"abc", Some((b"abc", false)));
        check(Some(to_binary), "text/plain", b"YWJj", Some((b"abc", true)));
        check(
            Some(to_binary),
            "text/plain",
            b"\"YWJj\"\n",
            Some((b"abc", true)),
        );
        check(Some(to_binary), "text/plain", b"no base64!", None);
        check(Some(to_binary), "image/png", b"abc", Some((b"abc", true)));
    }

    #[test]
    fn responses_are_handled_by_awss_table() {
        let types = MediaTypes::new(&["image/png".to_owned()]);
        let check = |handling, own: &str, accept: &str, expected: Option<&[u8]>| {
            let found = response(&types, handling, Some(own), Some(accept), b"YWJj").ok();
            let found = found.map(|found| found.bytes.to_vec());
            assert_eq!(found.as_deref(), expected, "{handling:?} {own} {accept}");
        };
        let (png, plain) = ("image/png", "text/plain");
        check(None, plain, plain, Some(b"YWJj"));
        check(None, plain, png, Some(b"abc"));
        check(None, png, png, Some(b"YWJj"));
        check(None, png, plain, Some(b"WVdKag=="));
        check(Some(ContentHandling::ToText), png, png, Some(b"WVdKag=="));
        check(Some(ContentHandling::ToText), plain, png, Some(b"YWJj"));
        check(Some(ContentHandling::ToBinary), plain, plain, Some(b"abc"));
        check(Some(ContentHandling::ToBinary), png, plain, Some(b"YWJj"));
        let bad = response(&types, None, Some(plain), Some(png), b"no base64!");
        assert_eq!(bad, Err(NotBase64));
    }

    #[test]
    fn wildcards_stand_behind_the_slash_or_for_everything() {
        let check = |written: &str, media_type: &str, expected: bool| {
            let types = MediaTypes::new(&[written.to_owned()]);
            assert_eq!(types.has(media_type), expected, "{written} {media_type}");
        };
        check("*/*", "text/plain", true);
        check("image/*", "image/png", true);
        check("image/*", "video/png", false);
        check("*/png", "image/png", false);
        check("Image/PNG", "image/png", true);
        check("image/png", "image/*", false);
    }
}
