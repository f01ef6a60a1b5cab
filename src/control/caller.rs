//! Who calls: the signature of a request against the access keys of the config, and what the
//! policy of its key allows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::aws::arn::partition_of;
use crate::aws::sigv4::{self, Family, Payload, Presented, Refusal, Wanted};
use crate::aws::{AccessKey, AccessKeys};
use crate::base::date::iso8601;
use crate::control::Request;
use crate::control::desk::Scope;
use crate::control::error::{Error, Outcome};
use crate::control::protocol::query;
use crate::gateway::trial::Signed;
use crate::lang::policy::{self, Context, Decision, Inquiry, Policy};

/// The services that answer on the management listener, told apart by the scope of the
/// credential. A new one is a variant here and an arm where requests are handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `apigateway` and `apigatewayv2`, which sign under one name.
    ApiGateway,
    /// Lambda's own API.
    Lambda,
    /// STS, for who asks who they are.
    Sts,
}

impl Service {
    pub const ALL: &[Self] = &[Self::ApiGateway, Self::Lambda, Self::Sts];

    /// The name in the scope of a credential.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::Lambda => "lambda",
            Self::Sts => "sts",
        }
    }

    fn find(name: &str) -> Outcome<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|service| service.signing_name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.iter().map(|service| service.signing_name());
                let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
                Error::denied(
                    "InvalidSignatureException",
                    format!(
                        "Credential should be scoped to correct service: {}. '{name}' is not \
                         served by this version of daemun.",
                        names.join(", ")
                    ),
                )
            })
    }
}

/// Who may call the management APIs.
#[derive(Debug)]
pub enum Access {
    /// Everybody who can reach the listener, with any key; all is this account's.
    Open {
        account: String,
    },
    Keys(Keys),
}

/// Access keys, and the policies that they name.
#[derive(Debug, Default)]
pub struct Keys {
    keys: AccessKeys,
    policies: HashMap<String, Arc<Policy>>,
}

impl Keys {
    /// `policies` by the names that the keys have for them.
    pub fn new(keys: AccessKeys, policies: HashMap<String, Arc<Policy>>) -> Self {
        Self { keys, policies }
    }
}

/// Somebody who may call.
#[derive(Clone, Debug)]
pub struct Caller {
    pub service: Service,
    /// The account of the key and the region of the credential.
    pub scope: Scope,
    /// None while no keys are checked: then all is allowed.
    user: Option<User>,
}

#[derive(Clone, Debug)]
struct User {
    arn: String,
    /// Of the key: users have no ids of their own.
    id: String,
    account: String,
    /// None: all is allowed.
    policies: Option<Vec<Arc<Policy>>>,
    context: Context,
}

impl Access {
    /// Whether any key is accepted.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Judges the signature of a request at the moment `epoch_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// In AWS's words: no signature, a wrong or old one, an unknown key, another service.
    pub fn admit(&self, request: &Request, epoch_ms: u64) -> Outcome<Caller> {
        match self {
            Self::Open { account } => open(request, account),
            Self::Keys(keys) => keys.admit(request, epoch_ms),
        }
    }
}

impl Keys {
    fn admit(&self, request: &Request, epoch_ms: u64) -> Outcome<Caller> {
        let headers: Vec<(&[u8], &[u8])> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let signed = sigv4::Request {
            method: &request.method,
            path: request.path.as_bytes(),
            query: request.query.as_bytes(),
            headers: &headers,
        };
        let presented = Presented::read(&signed).map_err(|refusal| refused(&refusal))?;
        let service = Service::find(&presented.service)?;
        let wanted = Wanted {
            service: service.signing_name(),
            region: None,
        };
        let payload = Payload::Bytes(&request.body);
        let verified = sigv4::verify(&signed, &payload, &self.keys, &wanted, epoch_ms);
        let verified = verified.map_err(|refusal| refused(&refusal))?;
        let (key, region) = (verified.key, verified.presented.region);
        Ok(Caller {
            service,
            scope: Scope {
                account: key.account.clone(),
                region: checked(&region)?.to_owned(),
            },
            user: Some(User {
                arn: key.user_arn(&region),
                id: key.id.clone(),
                account: key.account.clone(),
                policies: self.policies_of(key),
                context: context(key, &region, request, epoch_ms),
            }),
        })
    }

    /// A policy that is not there allows nothing.
    fn policies_of(&self, key: &AccessKey) -> Option<Vec<Arc<Policy>>> {
        let name = key.policy.as_ref()?;
        Some(self.policies.get(name).cloned().into_iter().collect())
    }
}

impl Caller {
    /// The ARN and the unique id of who calls; where no keys are checked, the account itself.
    pub fn identity(&self) -> (String, String) {
        match &self.user {
            Some(user) => (user.arn.clone(), user.id.clone()),
            None => {
                let Scope { account, region } = &self.scope;
                let partition = partition_of(region);
                let root = format!("arn:{partition}:iam::{account}:root");
                (root, account.clone())
            }
        }
    }

    /// Whose key has signed; none while no keys are checked.
    pub fn signed(&self) -> Option<Signed> {
        let user = self.user.as_ref()?;
        Some(Signed {
            key: user.id.as_str().into(),
            region: self.scope.region.as_str().into(),
        })
    }

    /// Whether the policy of the caller's key allows `action` (`apigateway:GET`) on `resource`, an
    /// ARN.
    ///
    /// # Errors
    /// `AccessDeniedException` when it does not.
    pub fn may(&self, action: &str, resource: &str) -> Outcome<()> {
        self.may_with(action, resource, Vec::new())
    }

    /// Whether a policy of the caller's key has conditions on keys that begin like this, in lower
    /// case.
    pub fn asks(&self, start: &str) -> bool {
        let user = self.user.as_ref();
        let policies = user.and_then(|user| user.policies.as_ref());
        let mut policies = policies.into_iter().flatten();
        policies.any(|policy| policy.asks(start))
    }

    /// As `may`, with more condition keys and their values.
    ///
    /// # Errors
    /// `AccessDeniedException` when it does not.
    pub fn may_with(
        &self,
        action: &str,
        resource: &str,
        more: Vec<(String, String)>,
    ) -> Outcome<()> {
        let Some(user) = &self.user else {
            return Ok(());
        };
        let Some(policies) = &user.policies else {
            return Ok(());
        };
        let mut context = user.context.clone();
        for (key, value) in more {
            context.add(&key, value);
        }
        let inquiry = Inquiry {
            caller: policy::Caller::User {
                account: &user.account,
                arn: &user.arn,
            },
            action,
            resource,
            context: &context,
        };
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
        let why = match policy::decide(policies.iter().map(|policy| &**policy), &inquiry) {
            Decision::Allow(_) => return Ok(()),
            Decision::Deny(_) => "with an explicit deny in an identity-based policy".to_owned(),
            Decision::Implicit => {
                format!("because no identity-based policy allows the {action} action")
            }
        };
        let arn = &user.arn;
        Err(Error::denied(
            "AccessDeniedException",
            format!(
                "User: {arn} is not authorized to perform: {action} on resource: {resource} {why}"
            ),
        ))
    }
}

/// The condition keys that every request has a value for.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
fn context(key: &AccessKey, region: &str, request: &Request, epoch_ms: u64) -> Context {
    let mut context = Context::new()
        .with("aws:username", &*key.name)
        .with("aws:userid", &*key.id)
        .with("aws:PrincipalType", "User")
        .with("aws:PrincipalArn", key.user_arn(region))
        .with("aws:PrincipalAccount", &*key.account)
        .with("aws:RequestedRegion", region)
        .with("aws:CurrentTime", iso8601(epoch_ms))
        .with("aws:EpochTime", (epoch_ms / 1_000).to_string())
        .with("aws:SecureTransport", "false");
    if let Some(peer) = request.peer {
        context.add("aws:SourceIp", peer.to_canonical().to_string());
    }
    let agent = request
        .headers
        .iter()
        .find(|(name, _)| name == "user-agent");
    if let Some((_, agent)) = agent {
        context.add("aws:UserAgent", agent.as_str());
    }
    context
}

fn refused(refusal: &Refusal) -> Error {
    let fault = refusal.fault(Family::Json);
    Error::denied(fault.name.as_str(), fault.message)
}

/// Service and region of a credential that nobody checks, in the header or in the query:
/// `KEY/20260101/eu-west-1/apigateway/aws4_request`.
fn open(request: &Request, account: &str) -> Outcome<Caller> {
    from_here(request)?;
    let credential = presented_credential(request)?;
    let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
    let ["aws4_request", service, region, _date, _key] = parts.as_slice() else {
        return Err(incomplete("Credential must have 5 parts separated by '/'."));
    };
    Ok(Caller {
        service: Service::find(service)?,
        scope: Scope {
            account: account.to_owned(),
            region: checked(region)?.to_owned(),
        },
        user: None,
    })
}

/// A browser on this machine can reach the listener too, for whatever page it shows: such a page
/// gives itself away by its own name, as its origin or (DNS rebinding) as the host it asks.
fn from_here(request: &Request) -> Outcome<()> {
    let headers = request.headers.iter();
    let named = headers.filter(|(name, _)| name == "host" || name == "origin");
    for (_, value) in named {
        let authority = value.split_once("://").map_or(&**value, |(_, rest)| rest);
        if !is_here(authority) {
            return Err(Error::denied(
                "AccessDeniedException",
                format!(
                    "Any access key is accepted, but from this machine only: ask for 127.0.0.1 or \
                     localhost, not for '{authority}', or add `management.keys` to the config file."
                ),
            ));
        }
    }
    Ok(())
}

/// Whether `host:port` can only be this machine.
fn is_here(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.to_ascii_lowercase();
    // RFC 6761 section 6.3: names below `localhost` are this machine's as well.
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn presented_credential(request: &Request) -> Outcome<String> {
    let mut headers = request.headers.iter();
    let header = headers.find(|(name, value)| name == "authorization" && !value.is_empty());
    if let Some((_, authorization)) = header {
        let credential = authorization.split_once("Credential=");
        let credential = credential.and_then(|(_, rest)| rest.split([',', ' ']).next());
        let missing = "Authorization header requires 'Credential' parameter.";
        return credential
            .map(str::to_owned)
            .ok_or_else(|| incomplete(missing));
    }
    let mut parameters = query::pairs(&request.query).into_iter();
    parameters
        .find(|(name, _)| name == "X-Amz-Credential")
        .map(|(_, credential)| credential)
        .ok_or_else(Error::missing_token)
}

/// Regions become parts of names and keys of records.
fn checked(region: &str) -> Outcome<&str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if region.is_empty() || region.len() > 64 || !region.chars().all(fine) {
        return Err(incomplete("Credential should be scoped to a valid region."));
    }
    Ok(region)
}

fn incomplete(message: &str) -> Error {
    Error::denied("IncompleteSignatureException", message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::aws::sigv4::Signer;
    use crate::lang::policy::Kind;

    /// 2026-01-01T00:00:00Z.
    const NOW_MS: u64 = 1_767_225_600_000;
    const ID: &str = "AKIDEXAMPLEEXAMPLE01";

    fn keys(policy: Option<&str>) -> Access {
        let key = AccessKey {
            id: ID.to_owned(),
            secret: "secret".to_owned(),
            session_token: None,
            expires_s: None,
            account: "111122223333".to_owned(),
            name: "alice".to_owned(),
            policy: policy.map(|_| ID.to_owned()),
        };
        let policy = policy.map(|text| Policy::parse(text, Kind::Identity).unwrap());
        let policies = policy.map(|policy| (ID.to_owned(), Arc::new(policy)));
        let keys = AccessKeys::new([key]).unwrap();
        Access::Keys(Keys::new(keys, policies.into_iter().collect()))
    }

    fn signed(service: &str, secret: &str, signed_ms: u64, body: &[u8]) -> Request {
        let host: (&[u8], &[u8]) = (b"host", b"127.0.0.1:8081");
        let signer = Signer {
            access_key_id: ID,
            secret,
            session_token: None,
            region: "eu-west-1",
            service,
        };
        let request = sigv4::Request {
            method: "POST",
            path: b"/restapis",
            query: b"",
            headers: &[host],
        };
        let added = signer.sign(&request, Some(&Payload::Bytes(body)), signed_ms);
        let added = added.into_iter();
        let mut headers: Vec<(String, String)> = added
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        headers.push(("host".to_owned(), "127.0.0.1:8081".to_owned()));
        Request {
            method: "POST".to_owned(),
            path: "/restapis".to_owned(),
            headers,
            body: body.to_vec(),
            ..Request::default()
        }
    }

    fn code(outcome: Outcome<Caller>) -> &'static str {
        outcome.map_or_else(|error| error.code, |_| "admitted")
    }

    #[test]
    fn only_what_a_key_has_signed_is_admitted() {
        let check = |request: &Request, expected: &str| {
            assert_eq!(code(keys(None).admit(request, NOW_MS)), expected);
        };
        let good = signed("apigateway", "secret", NOW_MS, b"{}");
        check(&good, "admitted");
        let caller = keys(None).admit(&good, NOW_MS).unwrap();
        assert_eq!(caller.scope.account, "111122223333");
        assert_eq!(caller.scope.region, "eu-west-1");
        let body = b"{ }".to_vec();
        check(
            &Request {
                body,
                ..good.clone()
            },
            "InvalidSignatureException",
        );
        let wrong = signed("apigateway", "other", NOW_MS, b"{}");
        check(&wrong, "InvalidSignatureException");
        let old = signed("apigateway", "secret", NOW_MS - 301_000, b"{}");
        check(&old, "InvalidSignatureException");
        let other = signed("s3", "secret", NOW_MS, b"{}");
        check(&other, "InvalidSignatureException");
        check(&Request::default(), "MissingAuthenticationTokenException");
        let nobody = Access::Keys(Keys::default()).admit(&good, NOW_MS);
        assert_eq!(code(nobody), "UnrecognizedClientException");
    }

    #[test]
    fn a_policy_says_what_its_key_may() {
        let policy = r#"{ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "apigateway:GET", "Resource": "*" },
            { "Effect": "Deny", "Action": "*", "Resource": "arn:aws:apigateway:*::/restapis/secret" }
        ] }"#;
        let request = signed("apigateway", "secret", NOW_MS, b"{}");
        let caller = keys(Some(policy)).admit(&request, NOW_MS).unwrap();
        let check = |action: &str, path: &str, expected: &str| {
            let resource = format!("arn:aws:apigateway:eu-west-1::{path}");
            let error = caller.may(action, &resource).err();
            assert_eq!(error.map(|e| e.message).unwrap_or_default(), expected);
        };
        check("apigateway:GET", "/restapis/open", "");
        check(
            "apigateway:POST",
            "/restapis",
            "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: \
             apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/restapis because no \
             identity-based policy allows the apigateway:POST action",
        );
        check(
            "apigateway:GET",
            "/restapis/secret",
            "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: \
             apigateway:GET on resource: arn:aws:apigateway:eu-west-1::/restapis/secret with an \
             explicit deny in an identity-based policy",
        );
    }

    #[test]
    fn without_keys_pages_in_a_browser_are_kept_out() {
        let check = |host: &str, origin: Option<&str>, expected: &str| {
            let credential =
                "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/apigateway/aws4_request";
            let origin = origin.map(|origin| ("origin", origin));
            let headers = [("host", host), ("authorization", credential)].into_iter();
            let headers = headers.chain(origin);
            let request = Request {
                headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                ..Request::default()
            };
            let account = "123456789012".to_owned();
            let outcome = Access::Open { account }.admit(&request, NOW_MS);
            assert_eq!(code(outcome), expected, "{host} {origin:?}");
        };
        check("127.0.0.1:8081", None, "admitted");
        check("[::1]:8081", None, "admitted");
        check("LocalHost", None, "admitted");
        check(
            "api.localhost:8081",
            Some("http://localhost:3000"),
            "admitted",
        );
        check("evil.example:8081", None, "AccessDeniedException");
        check("127.0.0.1.evil.example", None, "AccessDeniedException");
        check("notlocalhost:8081", None, "AccessDeniedException");
        check(
            "127.0.0.1:8081",
            Some("https://evil.example"),
            "AccessDeniedException",
        );
        check("127.0.0.1:8081", Some("null"), "AccessDeniedException");
    }

    #[test]
    fn without_keys_the_region_comes_from_the_credential_alone() {
        let check = |header: Option<&str>, query: &str, expected: Result<&str, &str>| {
            let header = header.map(|value| ("authorization".to_owned(), value.to_owned()));
            let request = Request {
                headers: header.into_iter().collect(),
                query: query.to_owned(),
                ..Request::default()
            };
            let account = "123456789012".to_owned();
            let found = Access::Open { account }.admit(&request, NOW_MS);
            let found = found.map(|caller| caller.scope.region).map_err(|e| e.code);
            assert_eq!(found, expected.map(str::to_owned));
        };
        let signed =
            |scope: &str| format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host");
        let full = signed("AKIA/x/20260101/eu-west-1/apigateway/aws4_request");
        check(Some(&full), "", Ok("eu-west-1"));
        let presigned = "X-Amz-Credential=AKIA%2F20260101%2Feu-west-1%2Fapigateway%2Faws4_request";
        check(None, presigned, Ok("eu-west-1"));
        let other = signed("AKIA/20260101/eu-west-1/s3/aws4_request");
        check(Some(&other), "", Err("InvalidSignatureException"));
        let odd = signed("AKIA/20260101/eu_west/apigateway/aws4_request");
        check(Some(&odd), "", Err("IncompleteSignatureException"));
        check(Some("Bearer x"), "", Err("IncompleteSignatureException"));
        check(None, "", Err("MissingAuthenticationTokenException"));
    }
}
