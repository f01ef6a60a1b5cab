//! Response heads: what an upstream may answer.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use crate::wire::error::{FieldError, ResponseError};
use crate::wire::h1::fields::{Facts, Section, diagnose};
use crate::wire::head::{Body, Parsed, ResponseHead, Span, Version};
use crate::wire::limits::Limits;

impl ResponseHead {
    /// Reads the head that begins at `bytes[0]`; what follows it is not looked at.
    ///
    /// `request_was_head`: the request's method was HEAD, so that no body follows whatever the
    /// fields say. After `Partial` or an error the other members mean nothing. A prefix of a
    /// message gives `Partial` or the very error of the whole. Of `limits`, `head_bytes_max` and
    /// `fields_max` count.
    pub fn parse(
        &mut self,
        bytes: &[u8],
        request_was_head: bool,
        limits: &Limits,
    ) -> Result<Parsed, ResponseError> {
        let window = &bytes[..bytes.len().min(limits.head_bytes_max as usize)];
        // httparse would skip any number of empty lines; only requests may have them.
        if matches!(window.first(), Some(b'\r' | b'\n')) {
            return Err(ResponseError::Version);
        }
        let mut table = [const { MaybeUninit::<Header<'_>>::uninit() }; Limits::FIELDS_CEILING];
        let fields_max = table.len().min(limits.fields_max.into());
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(
            &mut response,
            window,
            &mut table[..fields_max],
        ) {
            Ok(Status::Complete(length)) => {
                self.finish(window, length, &response, request_was_head)?;
                Ok(Parsed::Complete)
            }
            Ok(Status::Partial) if window.len() == limits.head_bytes_max as usize => {
                Err(FieldError::HeadTooLarge.into())
            }
            Ok(Status::Partial) => Ok(Parsed::Partial),
            Err(fault) => Err(refuse(window, fault)),
        }
    }

    /// Takes over what httparse found in `window[..length]`.
    fn finish(
        &mut self,
        window: &[u8],
        length: usize,
        response: &httparse::Response<'_, '_>,
        request_was_head: bool,
    ) -> Result<(), ResponseError> {
        self.version = match response.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        };
        self.status = match response.code {
            Some(status @ 100..=599) => status,
            _ => return Err(ResponseError::Status),
        };
        let line_end = memchr::memchr(b'\n', window).unwrap_or_default();
        // The reason is taken from the buffer: httparse hands out none where it has obs-text.
        self.reason = match window[CODE_END..line_end] {
            [b'\r'] => Span::new(CODE_END, CODE_END),
            [b' ', .., b'\r'] => Span::new(CODE_END + 1, line_end - 1),
            _ => return Err(FieldError::BareLineFeed.into()),
        };
        let mut section = Section {
            bytes: window,
            request: false,
            out: &mut self.fields,
        };
        let (facts, end) = section.collect(line_end + 1, response.headers)?;
        debug_assert_eq!(end, length);
        self.length = end as u32;
        self.settle(&facts, request_was_head)
    }

    /// Draws the conclusions from all fields.
    pub(super) fn settle(
        &mut self,
        facts: &Facts,
        request_was_head: bool,
    ) -> Result<(), ResponseError> {
        self.body = facts
            .framing
            .response(self.version, self.status, request_was_head)?;
        let http11 = self.version == Version::Http11;
        let connection = facts.connection;
        self.keep_alive =
            self.body != Body::UntilClose && !connection.close && (http11 || connection.keep_alive);
        self.upgrade = http11 && facts.upgrade && connection.upgrade;
        Ok(())
    }
}

/// Names the fault that httparse found.
#[cold]
fn refuse(window: &[u8], fault: Error) -> ResponseError {
    let line_bytes = memchr::memchr(b'\n', window).map_or(window.len(), |at| at + 1);
    match fault {
        Error::TooManyHeaders => FieldError::TooMany.into(),
        Error::Version => ResponseError::Version,
        Error::Status | Error::Token => ResponseError::StatusLine,
        Error::NewLine | Error::HeaderName | Error::HeaderValue => {
            diagnose(&window[line_bytes..]).into()
        }
    }
}

/// Behind `HTTP/1.1 200`.
const CODE_END: usize = "HTTP/1.1 200".len();
