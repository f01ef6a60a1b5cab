//! How a body ends: none, length, chunked, close. The rules against smuggling live here.
//!
//! Two parties that read one message differently let a third hide a request in a body. So the
//! framing fields are taken only in the one spelling that everybody reads alike, and everything
//! else is an error, also where RFC 9112 would let a recipient repair it.

use crate::wire::error::FieldError;
use crate::wire::head::{Body, Version};

/// What the framing fields of one head said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    content_length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// Notes a Content-Length field. A second one is refused even if it says the same.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), FieldError> {
        if self.content_length.is_some() {
            return Err(FieldError::TwoContentLengths);
        }
        self.content_length = Some(length(value).ok_or(FieldError::ContentLength)?);
        Ok(())
    }

    /// Notes a Transfer-Encoding field, which must be `chunked` and nothing else.
    pub fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), FieldError> {
        if self.chunked {
            return Err(FieldError::TwoTransferEncodings);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(FieldError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    /// The body of a request with these fields.
    pub fn request(self, version: Version) -> Result<Body, FieldError> {
        self.checked(version).map(|body| body.unwrap_or(Body::None))
    }

    /// The body of a response with these fields.
    ///
    /// "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No
    /// Content), or 304 (Not Modified) status code is always terminated by the first empty line
    /// after the header fields" (RFC 9112 section 6.3). Their framing fields must be right all
    /// the same: a cache or client behind us may look at them.
    pub fn response(
        self,
        version: Version,
        status: u16,
        request_was_head: bool,
    ) -> Result<Body, FieldError> {
        let body = self.checked(version)?.unwrap_or(Body::UntilClose);
        let bodiless = request_was_head || matches!(status, 100..=199 | 204 | 304);
        Ok(if bodiless { Body::None } else { body })
    }

    fn checked(self, version: Version) -> Result<Option<Body>, FieldError> {
        match (self.chunked, self.content_length) {
            (false, None) => Ok(None),
            (false, Some(length)) => Ok(Some(Body::Length(length))),
            (true, Some(_)) => Err(FieldError::BothFramings),
            (true, None) if version == Version::Http10 => Err(FieldError::TransferEncodingInHttp10),
            (true, None) => Ok(Some(Body::Chunked)),
        }
    }
}

/// `1*DIGIT` (RFC 9110 section 8.6) that fits 64 bits: no sign, no list, no white space.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_length_is_digits_that_fit() {
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(length(value.as_bytes()), expected, "{value:?}");
        };
        check("0", Some(0));
        check("42", Some(42));
        check("007", Some(7));
        check("18446744073709551615", Some(u64::MAX));
        for bad in [
            "",
            "+1",
            "-1",
            "1,1",
            "5, 5",
            "1 1",
            " 1",
            "1\t",
            "0x10",
            "1e3",
            "1.0",
            "a",
            "１",
            "18446744073709551616",
            "99999999999999999999999",
            "1\0",
            "1;",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn only_chunked_alone_is_a_transfer_encoding() {
        let check = |values: &[&str], expected: Result<(), FieldError>| {
            let mut framing = Framing::default();
            let result = values
                .iter()
                .try_for_each(|value| framing.transfer_encoding(value.as_bytes()));
            assert_eq!(result, expected, "{values:?}");
        };
        check(&["chunked"], Ok(()));
        check(&["ChUnKeD"], Ok(()));
        check(
            &["chunked", "chunked"],
            Err(FieldError::TwoTransferEncodings),
        );
        check(
            &["chunked", "identity"],
            Err(FieldError::TwoTransferEncodings),
        );
        for bad in [
            "",
            "identity",
            "gzip, chunked",
            "chunked, chunked",
            "chunked,",
            ",chunked",
            "xchunked",
            "chunked;q=1",
            "\"chunked\"",
            "chunked gzip",
            "'chunked'",
            "\x0bchunked",
            "chunkedſ",
        ] {
            check(&[bad], Err(FieldError::TransferEncoding));
        }
    }

    #[test]
    fn a_response_without_framing_lasts_until_close() {
        let framing = Framing::default();
        let check = |status, head, expected| {
            assert_eq!(
                framing.response(Version::Http11, status, head),
                Ok(expected)
            );
        };
        check(200, false, Body::UntilClose);
        check(200, true, Body::None);
        for status in [100, 101, 199, 204, 304] {
            check(status, false, Body::None);
        }
        for status in [200, 205, 206, 301, 404, 502] {
            check(status, false, Body::UntilClose);
        }
    }

    #[test]
    fn wrong_framing_is_refused_even_where_no_body_follows() {
        let mut both = Framing::default();
        assert_eq!(both.content_length(b"5"), Ok(()));
        assert_eq!(both.transfer_encoding(b"chunked"), Ok(()));
        for status in [200, 204, 304] {
            assert_eq!(
                both.response(Version::Http11, status, true),
                Err(FieldError::BothFramings)
            );
        }
        assert_eq!(both.request(Version::Http11), Err(FieldError::BothFramings));
    }
}
