//! `Reject`: every way to be refused, named as AWS names gateway responses.

use crate::net::Gone;
use crate::net::UploadError;
use crate::net::outbound::Failure;
use crate::observe::Counter;

/// The one table of refusals: name, status, message (aws-semantics: HTTP API errors).
macro_rules! rejects {
    ($($(#[$doc:meta])* $name:ident $status:literal $aws:literal $message:literal;)*) => {
        /// Why a request was not served as asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reject { $($(#[$doc])* $name,)* }

        impl Reject {
            pub const ALL: &'static [Reject] = &[$(Reject::$name,)*];

            pub fn status(self) -> u16 {
                match self { $(Reject::$name => $status,)* }
            }

            /// The JSON body.
            pub fn body(self) -> &'static str {
                match self { $(Reject::$name => concat!("{\"message\":\"", $message, "\"}"),)* }
            }

            pub fn message(self) -> &'static str {
                match self { $(Reject::$name => $message,)* }
            }

            /// AWS's name of the gateway response, as logs show it.
            pub fn aws_name(self) -> &'static str {
                match self { $(Reject::$name => $aws,)* }
            }
        }
    };
}

rejects! {
    BadRequest 400 "BAD_REQUEST" "Bad Request";
    /// A REST API without such a stage.
    Forbidden 403 "ACCESS_DENIED" "Forbidden";
    /// A REST API without such a resource or method: AWS answers as if the caller had been
    /// refused.
    MissingAuthenticationToken 403 "MISSING_AUTHENTICATION_TOKEN" "Missing Authentication Token";
    /// No API, stage or route for this request.
    NotFound 404 "NOT_FOUND" "Not Found";
    /// The client did not send in time.
    RequestTimeout 408 "REQUEST_TIMEOUT" "Request Timeout";
    RequestTooLarge 413 "REQUEST_TOO_LARGE" "Request Entity Too Large";
    UriTooLong 414 "URI_TOO_LONG" "URI Too Long";
    ExpectationFailed 417 "EXPECTATION_FAILED" "Expectation Failed";
    Throttled 429 "THROTTLED" "Too Many Requests";
    HeadersTooLarge 431 "HEADERS_TOO_LARGE" "Request Header Fields Too Large";
    InternalError 500 "INTERNAL_ERROR" "Internal Server Error";
    NotImplemented 501 "NOT_IMPLEMENTED" "Not Implemented";
    /// The upstream refused, broke off or spoke nonsense.
    IntegrationFailure 502 "INTEGRATION_FAILURE" "Bad Gateway";
    /// The upstream did not answer in time.
    IntegrationTimeout 504 "INTEGRATION_TIMEOUT" "Gateway Timeout";
    VersionNotSupported 505 "VERSION_NOT_SUPPORTED" "HTTP Version Not Supported";
}

impl Reject {
    /// The exception that a client of a REST API is told of, as `x-amzn-ErrorType`.
    pub fn error_type(self) -> Option<&'static str> {
        match self {
            Self::Forbidden => Some("ForbiddenException"),
            Self::MissingAuthenticationToken => Some("MissingAuthenticationTokenException"),
            _ => None,
        }
    }

    /// What counts it; the throttles count themselves, by scope, and upstreams by their fault.
    pub fn counter(self) -> Option<Counter> {
        Counter::rejected(self.status())
    }

    /// The refusal of a head that could not be understood.
    pub fn of_status(status: u16) -> Self {
        let known = Self::ALL.iter().find(|reject| reject.status() == status);
        known.copied().unwrap_or(Self::BadRequest)
    }
}

/// Why a pipeline ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Reject(Reject),
    /// Asked for a path that custom domains keep for health checks.
    HealthCheck,
    /// Nothing more can be said to the client.
    Gone,
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<&Failure> for Stop {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Timeout | Failure::ConnectTimeout => Reject::IntegrationTimeout.into(),
            Failure::Upload(UploadError::ClientGone) => Self::Gone,
            Failure::Upload(UploadError::ClientSlow) => Reject::RequestTimeout.into(),
            Failure::Upload(UploadError::Malformed(error)) => {
                Reject::of_status(error.status()).into()
            }
            Failure::Upload(UploadError::TooLarge) => Reject::RequestTooLarge.into(),
            _ => Reject::IntegrationFailure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_name_and_a_json_body() {
        let mut seen = std::collections::HashSet::new();
        for reject in Reject::ALL {
            assert!(seen.insert(reject.aws_name()), "{reject:?}");
            assert!(reject.body().starts_with("{\"message\":\""));
            let of_status = Reject::of_status(reject.status());
            assert_eq!(of_status.status(), reject.status());
        }
    }
}
