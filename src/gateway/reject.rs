//! `Reject`: every way to be refused, named as AWS names gateway responses.

use crate::net::Gone;
use crate::net::UploadError;
use crate::net::outbound::Failure;
use crate::observe::Counter;
use crate::plan::refusal::ResponseType;
use crate::plan::stage::StageKind;

/// The one table of refusals. For HTTP APIs: status, name in logs, message; for REST APIs: the type
/// of gateway response and its usual message. (AWS: "Gateway response types".)
macro_rules! rejects {
    ($($(#[$doc:meta])* $name:ident $status:literal $aws:literal $message:literal, $kind:ident $rest:literal;)*) => {
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

            /// How a REST API says it: the gateway response, and the usual message.
            pub fn rest(self) -> (ResponseType, &'static str) {
                match self { $(Reject::$name => (ResponseType::$kind, $rest),)* }
            }
        }
    };
}

rejects! {
    BadRequest 400 "BAD_REQUEST" "Bad Request", Default4xx "Bad Request";
    /// The body is not what the method's model says.
    BadRequestBody 400 "BAD_REQUEST_BODY" "Bad Request", BadRequestBody "Invalid request body";
    /// Parameters that the method needs are missing.
    BadRequestParameters 400 "BAD_REQUEST_PARAMETERS" "Bad Request", BadRequestParameters "Missing required request parameters";
    Unauthorized 401 "UNAUTHORIZED" "Unauthorized", Unauthorized "Unauthorized";
    /// A policy does not let the caller in.
    AccessDenied 403 "ACCESS_DENIED" "Forbidden", AccessDenied "User is not authorized to access this resource";
    ExpiredToken 403 "EXPIRED_TOKEN" "Forbidden", ExpiredToken "The security token included in the request is expired";
    /// A REST API without such a stage; there is no deployment that could say it otherwise.
    Forbidden 403 "FORBIDDEN" "Forbidden", InvalidApiKey "Forbidden";
    /// No API key, an unknown or a disabled one, or one without a plan for this stage.
    InvalidApiKey 403 "INVALID_API_KEY" "Forbidden", InvalidApiKey "Forbidden";
    InvalidSignature 403 "INVALID_SIGNATURE" "Forbidden", InvalidSignature "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
    /// A REST API without such a resource or method: AWS answers as if the caller had been
    /// refused.
    MissingAuthenticationToken 403 "MISSING_AUTHENTICATION_TOKEN" "Missing Authentication Token", MissingAuthenticationToken "Missing Authentication Token";
    /// No API, stage or route for this request.
    NotFound 404 "NOT_FOUND" "Not Found", ResourceNotFound "Not Found";
    /// The client did not send in time.
    RequestTimeout 408 "REQUEST_TIMEOUT" "Request Timeout", Default4xx "Request Timeout";
    RequestTooLarge 413 "REQUEST_TOO_LARGE" "Request Entity Too Large", RequestTooLarge "Request Too Long";
    UriTooLong 414 "URI_TOO_LONG" "URI Too Long", Default4xx "URI Too Long";
    /// No template for the type of the body, and bodies without one are not passed through.
    UnsupportedMediaType 415 "UNSUPPORTED_MEDIA_TYPE" "Unsupported Media Type", UnsupportedMediaType "Unsupported Media Type";
    ExpectationFailed 417 "EXPECTATION_FAILED" "Expectation Failed", Default4xx "Expectation Failed";
    Throttled 429 "THROTTLED" "Too Many Requests", Throttled "Too Many Requests";
    /// The caller's usage plan has been used up for this period.
    QuotaExceeded 429 "QUOTA_EXCEEDED" "Limit Exceeded", QuotaExceeded "Limit Exceeded";
    HeadersTooLarge 431 "HEADERS_TOO_LARGE" "Request Header Fields Too Large", Default4xx "Request Header Fields Too Large";
    InternalError 500 "INTERNAL_ERROR" "Internal Server Error", Default5xx "Internal server error";
    /// An authorizer gave no answer that could be used.
    AuthorizerConfigurationError 500 "AUTHORIZER_CONFIGURATION_ERROR" "Internal Server Error", AuthorizerConfigurationError "";
    /// An authorizer was asked in vain.
    AuthorizerFailure 500 "AUTHORIZER_FAILURE" "Internal Server Error", AuthorizerFailure "";
    /// A mapping, template or integration response cannot be used as it is configured.
    ApiConfigurationError 500 "API_CONFIGURATION_ERROR" "Internal Server Error", ApiConfigurationError "Internal server error";
    /// Lambda did not run the function. AWS: "If the Lambda API rejects the invocation request, API
    /// Gateway returns a 500 error code"; which type of response that is, its staff said in its forum.
    InvocationFailed 500 "INTEGRATION_FAILURE" "Internal Server Error", IntegrationFailure "Internal server error";
    NotImplemented 501 "NOT_IMPLEMENTED" "Not Implemented", Default5xx "Not Implemented";
    /// The upstream refused, broke off or spoke nonsense.
    IntegrationFailure 502 "INTEGRATION_FAILURE" "Bad Gateway", IntegrationFailure "Network error communicating with endpoint";
    /// The output of a function that should be an answer is none (AWS: "Malformed Lambda proxy
    /// response").
    MalformedAnswer 502 "MALFORMED_PROXY_RESPONSE" "Bad Gateway", Default5xx "Internal server error";
    /// The upstream did not answer in time.
    IntegrationTimeout 504 "INTEGRATION_TIMEOUT" "Gateway Timeout", IntegrationTimeout "Endpoint request timed out";
    VersionNotSupported 505 "VERSION_NOT_SUPPORTED" "HTTP Version Not Supported", Default5xx "HTTP Version Not Supported";
}

impl Reject {
    /// The status of a REST API that has set no other.
    pub fn rest_status(self) -> u16 {
        match self {
            // Not that of a network that failed, although it is customized with that.
            Self::InvocationFailed => self.status(),
            _ => self.rest().0.status().unwrap_or(self.status()),
        }
    }

    /// How an HTTP API says it: the status and the message. Where an integration fails, it says no
    /// more than that.
    pub fn http(self) -> (u16, &'static str) {
        match self {
            Self::IntegrationFailure | Self::IntegrationTimeout => (503, "Service Unavailable"),
            Self::ApiConfigurationError | Self::MalformedAnswer => (500, "Internal Server Error"),
            _ => (self.status(), self.message()),
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

impl Stop {
    /// How an API of this kind says that its integration gave no answer.
    pub fn of(kind: StageKind, failure: &Failure) -> Self {
        match (kind, failure) {
            // AWS: "Execution failed due to configuration error: Invalid endpoint address", and
            // "Integration response of reported length … is larger than allowed maximum".
            (StageKind::Rest, Failure::Unresolved | Failure::TooLarge(_)) => {
                Reject::ApiConfigurationError.into()
            }
            (_, failure) => Self::from(failure),
        }
    }
}

impl From<&Failure> for Stop {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Timeout | Failure::ConnectTimeout => Reject::IntegrationTimeout.into(),
            Failure::Upload(error) => Self::from(error),
            _ => Reject::IntegrationFailure.into(),
        }
    }
}

impl From<&UploadError> for Stop {
    fn from(error: &UploadError) -> Self {
        match error {
            UploadError::ClientGone => Self::Gone,
            UploadError::ClientSlow => Reject::RequestTimeout.into(),
            UploadError::Malformed(error) => Reject::of_status(error.status()).into(),
            UploadError::TooLarge => Reject::RequestTooLarge.into(),
            UploadError::UpstreamGone => Reject::IntegrationFailure.into(),
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
            // AWS has one name for two of them.
            let is_first = seen.insert(reject.aws_name());
            assert!(
                is_first || *reject == Reject::IntegrationFailure,
                "{reject:?}"
            );
            assert!(reject.body().starts_with("{\"message\":\""));
            let of_status = Reject::of_status(reject.status());
            assert_eq!(of_status.status(), reject.status());
        }
    }

    #[test]
    fn http_apis_say_what_awss_do() {
        for (reject, expected) in [
            (Reject::BadRequest, (400, "Bad Request")),
            (Reject::Unauthorized, (401, "Unauthorized")),
            (Reject::Forbidden, (403, "Forbidden")),
            (Reject::NotFound, (404, "Not Found")),
            (Reject::RequestTooLarge, (413, "Request Entity Too Large")),
            (Reject::Throttled, (429, "Too Many Requests")),
            (Reject::InternalError, (500, "Internal Server Error")),
            (Reject::MalformedAnswer, (500, "Internal Server Error")),
            (
                Reject::ApiConfigurationError,
                (500, "Internal Server Error"),
            ),
            (Reject::InvocationFailed, (500, "Internal Server Error")),
            (Reject::IntegrationFailure, (503, "Service Unavailable")),
            (Reject::IntegrationTimeout, (503, "Service Unavailable")),
        ] {
            assert_eq!(reject.http(), expected, "{reject:?}");
        }
    }
}
