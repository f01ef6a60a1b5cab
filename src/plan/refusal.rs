//! Gateway responses: how a REST API says no, by the type of the refusal.

use crate::lang::params::{Source, Text};

/// The one table of types: AWS's name, usual status (0: that of the refusal itself), exception
/// that `x-amzn-ErrorType` names. (AWS: "Gateway response types".)
macro_rules! types {
    ($($name:ident $aws:literal $status:literal $exception:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ResponseType { $($name,)* }

        impl ResponseType {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub const fn aws_name(self) -> &'static str {
                match self { $(Self::$name => $aws,)* }
            }

            /// None for the types that stand for a whole class.
            pub const fn status(self) -> Option<u16> {
                match self { $(Self::$name if $status > 0 => Some($status),)* _ => None }
            }

            pub const fn exception(self) -> &'static str {
                match self { $(Self::$name => $exception,)* }
            }
        }
    };
}

types! {
    AccessDenied "ACCESS_DENIED" 403 "AccessDeniedException";
    ApiConfigurationError "API_CONFIGURATION_ERROR" 500 "InternalServerErrorException";
    AuthorizerConfigurationError "AUTHORIZER_CONFIGURATION_ERROR" 500 "AuthorizerConfigurationException";
    AuthorizerFailure "AUTHORIZER_FAILURE" 500 "AuthorizerFailureException";
    BadRequestBody "BAD_REQUEST_BODY" 400 "BadRequestException";
    BadRequestParameters "BAD_REQUEST_PARAMETERS" 400 "BadRequestException";
    Default4xx "DEFAULT_4XX" 0 "BadRequestException";
    Default5xx "DEFAULT_5XX" 0 "InternalServerErrorException";
    ExpiredToken "EXPIRED_TOKEN" 403 "ExpiredTokenException";
    IntegrationFailure "INTEGRATION_FAILURE" 504 "InternalServerErrorException";
    IntegrationTimeout "INTEGRATION_TIMEOUT" 504 "InternalServerErrorException";
    InvalidApiKey "INVALID_API_KEY" 403 "ForbiddenException";
    InvalidSignature "INVALID_SIGNATURE" 403 "InvalidSignatureException";
    MissingAuthenticationToken "MISSING_AUTHENTICATION_TOKEN" 403 "MissingAuthenticationTokenException";
    QuotaExceeded "QUOTA_EXCEEDED" 429 "LimitExceededException";
    RequestTooLarge "REQUEST_TOO_LARGE" 413 "RequestTooLargeException";
    ResourceNotFound "RESOURCE_NOT_FOUND" 404 "NotFoundException";
    Throttled "THROTTLED" 429 "TooManyRequestsException";
    Unauthorized "UNAUTHORIZED" 401 "UnauthorizedException";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 "BadRequestException";
    WafFiltered "WAF_FILTERED" 403 "ForbiddenException";
}

impl ResponseType {
    pub fn named(aws_name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.aws_name() == aws_name)
    }

    /// The type that stands for the whole class of this one.
    pub const fn class(self) -> Self {
        match self.status() {
            Some(500..) => Self::Default5xx,
            Some(_) => Self::Default4xx,
            None => self,
        }
    }
}

/// What a deployment changed of the gateway's own answers, for every type what counts for it.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayResponses([Option<GatewayResponse>; ResponseType::ALL.len()]);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatewayResponse {
    /// None: as usual.
    pub status: Option<u16>,
    /// Names of response headers, and their values.
    pub headers: Box<[(Box<str>, Source)]>,
    /// By content type; none: as usual.
    pub templates: Box<[(Box<str>, Text)]>,
}

impl Default for GatewayResponses {
    fn default() -> Self {
        Self([const { None }; ResponseType::ALL.len()])
    }
}

impl GatewayResponses {
    /// `set` is what the deployment has set. A type that is not among them follows its class.
    pub fn new(set: &[(ResponseType, GatewayResponse)]) -> Self {
        let find = |kind| set.iter().find(|(other, _)| *other == kind);
        let mut all = Self::default();
        for (slot, kind) in all.0.iter_mut().zip(ResponseType::ALL) {
            let found = find(*kind).or_else(|| find(kind.class()));
            *slot = found.map(|(_, response)| response.clone());
        }
        all
    }

    pub fn get(&self, kind: ResponseType) -> Option<&GatewayResponse> {
        self.0[kind as usize].as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_awss_types_by_name() {
        assert_eq!(ResponseType::ALL.len(), 21);
        assert!(ResponseType::ALL.is_sorted_by_key(|kind| kind.aws_name()));
        for kind in ResponseType::ALL {
            assert_eq!(ResponseType::named(kind.aws_name()), Some(*kind));
        }
        assert_eq!(ResponseType::named("NOTHING"), None);
    }

    #[test]
    fn a_type_that_is_not_set_follows_its_class() {
        let with = |status| GatewayResponse {
            status: Some(status),
            ..GatewayResponse::default()
        };
        let all = GatewayResponses::new(&[
            (ResponseType::Default4xx, with(499)),
            (ResponseType::Throttled, with(420)),
        ]);
        let status = |kind| all.get(kind).and_then(|response| response.status);
        assert_eq!(status(ResponseType::Throttled), Some(420));
        assert_eq!(status(ResponseType::InvalidApiKey), Some(499));
        assert_eq!(status(ResponseType::Default4xx), Some(499));
        assert_eq!(status(ResponseType::IntegrationTimeout), None);
    }
}
