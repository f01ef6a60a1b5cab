//! The variables of an access log, one table.

/// What a format may ask of a finished request. Latencies are in milliseconds, lengths in bytes,
/// both as decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    AccountId,
    ApiId,
    /// What the authorizer failed with.
    AuthorizerError,
    AuthorizerPrincipalId,
    /// The upstream's `x-amz-request-id` or `x-amzn-requestid`.
    AwsEndpointRequestId,
    /// The upstream's `x-amz-id-2`.
    AwsEndpointRequestId2,
    /// The path of the API mapping that the request matched.
    BasePathMatched,
    /// Our own: address and port of the upstream that answered last.
    Upstream,
    /// Bytes of request and response together.
    DataProcessed,
    /// Of a REST API: the deployment that served the call.
    DeploymentId,
    /// The host of the request, without a port.
    DomainName,
    /// The first label of `DomainName`.
    DomainPrefix,
    /// What the gateway's own answer says.
    ErrorMessage,
    /// The same bytes as `ErrorMessage`; the format puts them in quotes.
    ErrorMessageString,
    /// The gateway response: `THROTTLED`, `INTEGRATION_TIMEOUT`.
    ErrorResponseType,
    /// What the request validator of a REST API found wrong.
    ValidationError,
    /// The same as `RequestId` in HTTP APIs.
    ExtendedRequestId,
    HttpMethod,
    IdentityAccessKey,
    IdentityAccountId,
    IdentityApiKey,
    IdentityApiKeyId,
    IdentityCaller,
    ClientCertPem,
    ClientCertIssuer,
    ClientCertSerialNumber,
    ClientCertSubject,
    ClientCertNotAfter,
    ClientCertNotBefore,
    CognitoAuthenticationProvider,
    CognitoAuthenticationType,
    CognitoIdentityId,
    CognitoIdentityPoolId,
    PrincipalOrgId,
    /// The address of the client.
    SourceIp,
    IdentityUser,
    UserAgent,
    UserArn,
    /// Why the upstream failed.
    IntegrationError,
    /// The status of the service that ran a function; for any other upstream its status.
    IntegrationServiceStatus,
    /// Milliseconds between the request to the upstream and the end of its response.
    IntegrationLatency,
    IntegrationRequestId,
    /// The status that the upstream, or the function itself, answered.
    IntegrationStatus,
    /// `BUFFERED` or `STREAMED`.
    ResponseTransferMode,
    /// Of a stream: milliseconds between the request to the upstream and the end of its head.
    TimeToAllHeaders,
    /// Of a stream: the same for the first byte of the payload.
    TimeToFirstContent,
    /// `true` or `false` while the stage of a REST API has a canary.
    IsCanaryRequest,
    /// The path of the request as it came.
    Path,
    /// `HTTP/1.1`.
    Protocol,
    RequestId,
    /// `22/Nov/2026:12:00:00 +0000`, when the request came.
    RequestTime,
    /// The same in milliseconds since 1970.
    RequestTimeEpoch,
    /// Of a method of a REST API: the id of its resource.
    ResourceId,
    /// The same as a path: `/pets/{id}`.
    ResourcePath,
    /// Milliseconds for the whole exchange.
    ResponseLatency,
    /// Bytes of the response body.
    ResponseLength,
    /// As written: `GET /pets/{id}`.
    RouteKey,
    Stage,
    Status,
    /// A claim of the verified token: `authorizer.claims.{name}`.
    AuthorizerClaim(Box<str>),
    /// A key of the context that an authorizer returned: `authorizer.{name}`.
    AuthorizerProperty(Box<str>),
    /// What AWS has a name for and no call has here: firewalls, traces, VPCs, phases that are one.
    Absent,
}

/// Names as they follow `$context.`, sorted. Some are two names of one thing.
const NAMES: &[(&str, Variable)] = &[
    ("accountId", Variable::AccountId),
    ("apiId", Variable::ApiId),
    ("authenticate.error", Variable::Absent),
    ("authenticate.latency", Variable::Absent),
    ("authenticate.status", Variable::Absent),
    ("authorize.error", Variable::Absent),
    ("authorize.latency", Variable::Absent),
    ("authorize.status", Variable::Absent),
    ("authorizer.error", Variable::AuthorizerError),
    ("authorizer.principalId", Variable::AuthorizerPrincipalId),
    ("awsEndpointRequestId", Variable::AwsEndpointRequestId),
    ("awsEndpointRequestId2", Variable::AwsEndpointRequestId2),
    ("customDomain.basePathMatched", Variable::BasePathMatched),
    ("daemun.upstream", Variable::Upstream),
    ("dataProcessed", Variable::DataProcessed),
    ("deploymentId", Variable::DeploymentId),
    ("domainName", Variable::DomainName),
    ("domainPrefix", Variable::DomainPrefix),
    ("error.message", Variable::ErrorMessage),
    ("error.messageString", Variable::ErrorMessageString),
    ("error.responseType", Variable::ErrorResponseType),
    ("error.validationErrorString", Variable::ValidationError),
    ("extendedRequestId", Variable::ExtendedRequestId),
    ("httpMethod", Variable::HttpMethod),
    ("identity.accessKey", Variable::IdentityAccessKey),
    ("identity.accountId", Variable::IdentityAccountId),
    ("identity.apiKey", Variable::IdentityApiKey),
    ("identity.apiKeyId", Variable::IdentityApiKeyId),
    ("identity.caller", Variable::IdentityCaller),
    ("identity.clientCert.clientCertPem", Variable::ClientCertPem),
    ("identity.clientCert.issuerDN", Variable::ClientCertIssuer),
    (
        "identity.clientCert.serialNumber",
        Variable::ClientCertSerialNumber,
    ),
    ("identity.clientCert.subjectDN", Variable::ClientCertSubject),
    (
        "identity.clientCert.validity.notAfter",
        Variable::ClientCertNotAfter,
    ),
    (
        "identity.clientCert.validity.notBefore",
        Variable::ClientCertNotBefore,
    ),
    (
        "identity.cognitoAuthenticationProvider",
        Variable::CognitoAuthenticationProvider,
    ),
    (
        "identity.cognitoAuthenticationType",
        Variable::CognitoAuthenticationType,
    ),
    ("identity.cognitoIdentityId", Variable::CognitoIdentityId),
    (
        "identity.cognitoIdentityPoolId",
        Variable::CognitoIdentityPoolId,
    ),
    ("identity.principalOrgId", Variable::PrincipalOrgId),
    ("identity.sourceIp", Variable::SourceIp),
    ("identity.user", Variable::IdentityUser),
    ("identity.userAgent", Variable::UserAgent),
    ("identity.userArn", Variable::UserArn),
    ("identity.vpcId", Variable::Absent),
    ("identity.vpceId", Variable::Absent),
    ("integration.error", Variable::IntegrationError),
    (
        "integration.integrationStatus",
        Variable::IntegrationServiceStatus,
    ),
    ("integration.latency", Variable::IntegrationLatency),
    ("integration.requestId", Variable::IntegrationRequestId),
    (
        "integration.responseTransferMode",
        Variable::ResponseTransferMode,
    ),
    ("integration.status", Variable::IntegrationStatus),
    ("integration.timeToAllHeaders", Variable::TimeToAllHeaders),
    (
        "integration.timeToFirstContent",
        Variable::TimeToFirstContent,
    ),
    ("integrationErrorMessage", Variable::IntegrationError),
    ("integrationLatency", Variable::IntegrationLatency),
    ("integrationStatus", Variable::IntegrationServiceStatus),
    ("isCanaryRequest", Variable::IsCanaryRequest),
    ("path", Variable::Path),
    ("protocol", Variable::Protocol),
    ("requestId", Variable::RequestId),
    ("requestTime", Variable::RequestTime),
    ("requestTimeEpoch", Variable::RequestTimeEpoch),
    ("resourceId", Variable::ResourceId),
    ("resourcePath", Variable::ResourcePath),
    ("responseLatency", Variable::ResponseLatency),
    ("responseLength", Variable::ResponseLength),
    ("routeKey", Variable::RouteKey),
    ("stage", Variable::Stage),
    ("status", Variable::Status),
    ("waf.error", Variable::Absent),
    ("waf.latency", Variable::Absent),
    ("waf.status", Variable::Absent),
    ("wafResponseCode", Variable::Absent),
    ("webaclArn", Variable::Absent),
    ("xrayTraceId", Variable::Absent),
];

/// A name is a likely slip of another when they are at least this similar.
const SIMILARITY_MIN: f64 = 0.8;

impl Variable {
    /// Whether it says who calls: by a signature, an authorizer or a certificate.
    pub fn is_of_caller(&self) -> bool {
        matches!(
            self,
            Self::AuthorizerPrincipalId
                | Self::AuthorizerClaim(_)
                | Self::AuthorizerProperty(_)
                | Self::IdentityAccessKey
                | Self::IdentityAccountId
                | Self::IdentityCaller
                | Self::IdentityUser
                | Self::UserArn
                | Self::PrincipalOrgId
                | Self::CognitoAuthenticationProvider
                | Self::CognitoAuthenticationType
                | Self::CognitoIdentityId
                | Self::CognitoIdentityPoolId
                | Self::ClientCertPem
                | Self::ClientCertIssuer
                | Self::ClientCertSerialNumber
                | Self::ClientCertSubject
                | Self::ClientCertNotAfter
                | Self::ClientCertNotBefore
        )
    }

    /// The variable that a format writes as `$context.` and a name; case counts.
    pub fn named(name: &str) -> Option<Self> {
        let path = name.strip_prefix("$context.")?;
        if let Ok(found) = NAMES.binary_search_by_key(&path, |(name, _)| name) {
            return Some(NAMES[found].1.clone());
        }
        let key = path.strip_prefix("authorizer.")?;
        if let Some(claim) = key.strip_prefix("claims.") {
            return Some(Self::AuthorizerClaim(claim.into()));
        }
        // The user's own keys have no structure.
        (!key.contains('.')).then(|| Self::AuthorizerProperty(key.into()))
    }

    /// The name that somebody who wrote `path` most likely meant.
    pub(super) fn nearest(path: &str) -> Option<&'static str> {
        let path = path.to_ascii_lowercase();
        let similar = NAMES
            .iter()
            .map(|(name, _)| {
                let similarity =
                    strsim::normalized_damerau_levenshtein(&name.to_ascii_lowercase(), &path);
                (*name, similarity)
            })
            .filter(|(_, similarity)| *similarity >= SIMILARITY_MIN)
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(name, _)| name);
        // A name without its group, or with something behind it, is as common as a wrong letter.
        let grouped = |name: &str| {
            let name = name.to_ascii_lowercase();
            let last = name.rsplit_once('.').map(|(_, last)| last);
            let longer = path.strip_prefix(&name);
            last == Some(&path) || longer.is_some_and(|rest| rest.starts_with('.'))
        };
        similar.or_else(|| {
            NAMES
                .iter()
                .map(|(name, _)| *name)
                .find(|name| grouped(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_find_their_variable() {
        assert!(NAMES.is_sorted_by(|(one, _), (next, _)| one < next));
        for (name, variable) in NAMES {
            let found = Variable::named(&format!("$context.{name}"));
            assert_eq!(found.as_ref(), Some(variable));
        }
    }

    #[test]
    fn an_authorizer_has_keys_of_its_own() {
        let check = |path: &str, expected| {
            assert_eq!(
                Variable::named(&format!("$context.{path}")),
                expected,
                "{path}"
            );
        };
        check(
            "authorizer.claims.email",
            Some(Variable::AuthorizerClaim("email".into())),
        );
        check(
            "authorizer.tenant",
            Some(Variable::AuthorizerProperty("tenant".into())),
        );
        check(
            "authorizer.principalId",
            Some(Variable::AuthorizerPrincipalId),
        );
        check("authorizer.a.b", None);
        check("identity.tenant", None);
    }

    #[test]
    fn a_slip_finds_what_was_meant() {
        let check = |path, expected| assert_eq!(Variable::nearest(path), expected, "{path}");
        check("requestid", Some("requestId"));
        check("reqestId", Some("requestId"));
        check("sourceIp", Some("identity.sourceIp"));
        check("identity.sourceIP", Some("identity.sourceIp"));
        check("flavour", None);
    }
}
