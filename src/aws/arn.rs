//! Amazon Resource Names: the six parts, partitions, and the forms that API Gateway uses.

use std::fmt;

/// `arn:partition:service:region:account:resource`, borrowed from a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    /// Empty for what belongs to no region.
    pub region: &'a str,
    /// Empty for what belongs to no account, as everything of `apigateway`.
    pub account: &'a str,
    /// The rest, with its colons and slashes.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` for a text that is no ARN: five colons, nothing empty but region and account.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        if next()? != "arn" {
            return None;
        }
        let arn = Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        let whole =
            !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
        whole.then_some(arn)
    }

    /// `arn:aws:apigateway:eu-west-1::/restapis/a1b2c3`: what the management APIs act on. `path`
    /// begins with a slash.
    pub fn management(region: &'a str, path: &'a str) -> Self {
        Self {
            partition: partition_of(region),
            service: "apigateway",
            region,
            account: "",
            resource: path,
        }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// IAM's `ArnLike`: each of the six parts for itself, where `*` is any text and `?` any character.
pub fn is_like(pattern: &str, arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut patterns = pattern.splitn(6, ':');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if glob(pattern.as_bytes(), part.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Goes back to the last `*` only, which is enough.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (p, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The group of regions that `region` belongs to.
pub fn partition_of(region: &str) -> &'static str {
    // The prefixes of the partition table that the SDKs ship; all else is `aws`.
    const PREFIXES: &[(&str, &str)] = &[
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("aws", |(_, partition)| partition)
}

/// The resource part of an `execute-api` ARN: what a caller invokes.
///
/// `arn:aws:execute-api:region:account:a1b2c3/prod/GET/pets/7`. In the ARN of an authorizer,
/// `authorizers` and its id stand in the place of stage and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'a> {
    pub api: &'a str,
    pub stage: &'a str,
    /// `GET`; a route key such as `$connect` in WebSocket APIs.
    pub method: &'a str,
    /// Without its leading slash.
    pub path: &'a str,
}

impl<'a> Invocation<'a> {
    /// The parts of `Arn::resource`; what is missing is empty.
    pub fn parse(resource: &'a str) -> Self {
        let mut parts = resource.splitn(4, '/');
        let mut next = || parts.next().unwrap_or_default();
        Self {
            api: next(),
            stage: next(),
            method: next(),
            path: next(),
        }
    }

    /// The whole ARN. A method without a path (`$connect`) ends with the method.
    pub fn arn(&self, region: &str, account: &str) -> String {
        let Self {
            api,
            stage,
            method,
            path,
        } = self;
        let partition = partition_of(region);
        let mut text =
            format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{method}");
        if !path.is_empty() || !method.starts_with('$') {
            text.push('/');
            text.push_str(path);
        }
        text
    }
}

/// The URI of an integration with an AWS service:
/// `arn:aws:apigateway:{region}:{subdomain.service|service}:path|action/{service_api}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrationUri<'a> {
    pub partition: &'a str,
    pub region: &'a str,
    /// What stands before the service's host name, e.g. a bucket.
    pub subdomain: Option<&'a str>,
    pub service: &'a str,
    pub call: Call<'a>,
}

/// How the service is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// A path of the service, without its leading slash.
    Path(&'a str),
    /// `Action` and the parameters behind it (`Publish&TopicArn=…`).
    Action(&'a str),
}

/// In the words of `PutIntegration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrationUriError {
    #[error("Invalid ARN specified in the request")]
    Arn,
    #[error("AWS ARN for integration must contain path or action")]
    Call,
}

impl<'a> IntegrationUri<'a> {
    /// # Errors
    /// What `PutIntegration` answers.
    pub fn parse(text: &'a str) -> Result<Self, IntegrationUriError> {
        let arn = Arn::parse(text).ok_or(IntegrationUriError::Arn)?;
        if arn.service != "apigateway" || arn.account.is_empty() {
            return Err(IntegrationUriError::Arn);
        }
        let (subdomain, service) = match arn.account.rsplit_once('.') {
            Some((subdomain, service)) => (Some(subdomain), service),
            None => (None, arn.account),
        };
        let call = match arn.resource.split_once('/') {
            Some(("path", path)) => Call::Path(path),
            Some(("action", action)) => Call::Action(action),
            _ => return Err(IntegrationUriError::Call),
        };
        Ok(Self {
            partition: arn.partition,
            region: arn.region,
            subdomain,
            service,
            call,
        })
    }

    /// The ARN of the function that `lambda:path/2015-03-31/functions/{arn}/invocations` invokes, or
    /// `lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations`.
    pub fn function(&self) -> Option<&'a str> {
        let Call::Path(path) = self.call else {
            return None;
        };
        if self.service != "lambda" {
            return None;
        }
        let (_version, rest) = path.split_once("/functions/")?;
        let whole = rest.strip_suffix("/invocations");
        whole.or_else(|| rest.strip_suffix("/response-streaming-invocations"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compared_part_by_part() {
        let check = |pattern: &str, expected: bool| {
            let arn = "arn:aws:execute-api:eu-west-1:111122223333:abc/prod/GET/pets/7";
            assert_eq!(is_like(pattern, arn), expected, "{pattern}");
        };
        let start = "arn:aws:execute-api:eu-west-1:111122223333:";
        check(&format!("{start}abc/prod/GET/pets/7"), true);
        check(&format!("{start}abc/*/GET/pets/*"), true);
        check(&format!("{start}abc/*"), true);
        check(&format!("{start}abc/*/*/*/7"), true);
        check(&format!("{start}a?c/*"), true);
        check(&format!("{start}*"), true);
        check("arn:aws:execute-api:*:*:*", true);
        check(&format!("{start}abc/dev/*"), false);
        check(&format!("{start}abc/*/POST/*"), false);
        check(&format!("{start}abc"), false);
        check(&format!("{start}abc/prod/GET/pets/7?"), false);
        // A wildcard does not reach over a colon.
        check("arn:*", false);
        check("*", false);
        check("", false);
    }

    #[test]
    fn an_arn_is_read_and_written() {
        for text in [
            "arn:aws:apigateway:us-east-1::/restapis/a1b2c3/stages/prod",
            "arn:aws-cn:iam::111122223333:user/a/b",
            "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
            "arn:aws:s3:::bucket/key:with:colons",
        ] {
            assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "arn",
            "arn:aws:s3:::",
            "arn::s3:::b",
            "arn:aws::::b",
            "urn:a:b:c:d:e",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
        assert_eq!(
            Arn::management("us-gov-west-1", "/apis/x").to_string(),
            "arn:aws-us-gov:apigateway:us-gov-west-1::/apis/x"
        );
    }

    #[test]
    fn regions_know_their_partition() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("made-up", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }

    #[test]
    fn an_invocation_is_read_and_written() {
        let resource = "a1b2c3/prod/GET/pets/7/toys";
        let invocation = Invocation::parse(resource);
        assert_eq!(invocation.path, "pets/7/toys");
        assert_eq!(
            invocation.arn("eu-west-1", "111122223333"),
            format!("arn:aws:execute-api:eu-west-1:111122223333:{resource}")
        );
        let root = Invocation::parse("a1b2c3/prod/GET/");
        assert!(root.arn("eu-west-1", "1").ends_with("/prod/GET/"));
        let connect = Invocation::parse("a1b2c3/prod/$connect");
        assert!(connect.arn("eu-west-1", "1").ends_with("/prod/$connect"));
    }

    #[test]
    fn an_integration_names_service_and_call() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:f";
        let text = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
        );
        let uri = IntegrationUri::parse(&text).unwrap();
        assert_eq!(uri.function(), Some(function));
        let bucket = IntegrationUri::parse("arn:aws:apigateway:us-east-1:b.c.s3:path/{key}");
        let bucket = bucket.unwrap();
        assert_eq!(
            (bucket.subdomain, bucket.service, bucket.call),
            (Some("b.c"), "s3", Call::Path("{key}"))
        );
        let action = IntegrationUri::parse("arn:aws:apigateway:us-east-1:sns:action/Publish&A=b");
        assert_eq!(action.unwrap().call, Call::Action("Publish&A=b"));
        assert_eq!(action.unwrap().function(), None);
        for (text, error) in [
            ("http://x", IntegrationUriError::Arn),
            ("arn:aws:s3:us-east-1::b", IntegrationUriError::Arn),
            (
                "arn:aws:apigateway:us-east-1::/restapis",
                IntegrationUriError::Arn,
            ),
            (
                "arn:aws:apigateway:us-east-1:sns:Publish",
                IntegrationUriError::Call,
            ),
        ] {
            assert_eq!(IntegrationUri::parse(text), Err(error), "{text}");
        }
    }
}
