//! Where AWS's services answer, and under which name requests to them are signed.

use crate::aws::arn::partition_of;

/// A service as integrations name it, in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// What stands before the service in its host name, such as `runtime` of `runtime.sagemaker`.
    pub subdomain: Option<&'a str>,
    /// `dynamodb`; as in `arn:aws:apigateway:{region}:{service}:path/…`.
    pub service: &'a str,
    pub region: &'a str,
}

/// Services whose host or signature has another name: as integrations may write them, the label in
/// the host name, the name in the signature. For all others the three are the same.
const NAMES: &[(&str, &str, &str)] = &[
    ("appconfigdata", "appconfigdata", "appconfig"),
    ("bedrock-agent-runtime", "bedrock-agent-runtime", "bedrock"),
    ("bedrock-runtime", "bedrock-runtime", "bedrock"),
    ("cloudwatch", "monitoring", "monitoring"),
    ("cloudwatchlogs", "logs", "logs"),
    ("email", "email", "ses"),
    ("eventbridge", "events", "events"),
    ("marketplace", "marketplace", "aws-marketplace"),
    ("ses", "email", "ses"),
    ("sesv2", "email", "ses"),
    ("stepfunctions", "states", "states"),
    ("sync-states", "sync-states", "states"),
];

/// Hosts of more than one label: some sign under a name of their own.
const SUBDOMAINS: &[(&str, &str, &str)] = &[
    ("data", "iot", "iotdata"),
    ("data-ats", "iot", "iotdata"),
    ("data.jobs", "iot", "iot-jobs-data"),
];

/// Services that answer on one host for a whole partition, and sign in its first region.
const GLOBAL: &[&str] = &["cloudfront", "iam", "organizations", "route53"];

impl Endpoint<'_> {
    /// The name that signatures carry.
    pub fn signing_name(&self) -> &str {
        let mut parts = SUBDOMAINS.iter();
        let of_part = parts.find(|(subdomain, service, _)| {
            Some(*subdomain) == self.subdomain && *service == self.service
        });
        if let Some((.., signing)) = of_part {
            return signing;
        }
        let found = NAMES.iter().find(|(name, ..)| *name == self.service);
        found.map_or(self.service, |(_, _, signing)| signing)
    }

    /// The region that signatures carry.
    pub fn signing_region(&self) -> &str {
        match (GLOBAL.contains(&self.service), partition_of(self.region)) {
            (true, "aws") => "us-east-1",
            _ => self.region,
        }
    }

    /// The service's name in its host.
    pub fn label(&self) -> &str {
        let found = NAMES.iter().find(|(name, ..)| *name == self.service);
        found.map_or(self.service, |(_, label, _)| label)
    }

    /// AWS's host: `{subdomain}.{service}.{region}.amazonaws.com`.
    pub fn host(&self) -> String {
        let partition = partition_of(self.region);
        let suffix = match partition {
            "aws-cn" => "amazonaws.com.cn",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            "aws-eusc" => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let dotted = |part: &str| format!("{part}.");
        let subdomain = self.subdomain.map(dotted).unwrap_or_default();
        let region = match partition == "aws" && GLOBAL.contains(&self.service) {
            true => String::new(),
            false => dotted(self.region),
        };
        format!("{subdomain}{}.{region}{suffix}", self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts and signing names as botocore 1.x knows them.
    #[test]
    fn services_are_found_where_the_sdks_find_them() {
        let check = |written: &str, region: &str, host: &str, signed: (&str, &str)| {
            let (subdomain, service) = match written.rsplit_once('.') {
                Some((subdomain, service)) => (Some(subdomain), service),
                None => (None, written),
            };
            let endpoint = Endpoint {
                subdomain,
                service,
                region,
            };
            assert_eq!(endpoint.host(), host, "{written}");
            let own = (endpoint.signing_name(), endpoint.signing_region());
            assert_eq!(own, signed, "{written}");
        };
        let eu = "eu-west-1";
        for name in [
            "dynamodb",
            "sqs",
            "sns",
            "kinesis",
            "firehose",
            "events",
            "logs",
            "ssm",
            "s3",
            "lambda",
            "sts",
            "states",
            "secretsmanager",
            "kms",
        ] {
            check(name, eu, &format!("{name}.{eu}.amazonaws.com"), (name, eu));
        }
        check(
            "monitoring",
            eu,
            "monitoring.eu-west-1.amazonaws.com",
            ("monitoring", eu),
        );
        check(
            "cloudwatch",
            eu,
            "monitoring.eu-west-1.amazonaws.com",
            ("monitoring", eu),
        );
        check("email", eu, "email.eu-west-1.amazonaws.com", ("ses", eu));
        check("iam", eu, "iam.amazonaws.com", ("iam", "us-east-1"));
        check(
            "sync-states",
            eu,
            "sync-states.eu-west-1.amazonaws.com",
            ("states", eu),
        );
        let sagemaker = "runtime.sagemaker.eu-west-1.amazonaws.com";
        check("runtime.sagemaker", eu, sagemaker, ("sagemaker", eu));
        let iot = "data-ats.iot.eu-west-1.amazonaws.com";
        check("data-ats.iot", eu, iot, ("iotdata", eu));
        check(
            "my.pets.s3",
            eu,
            "my.pets.s3.eu-west-1.amazonaws.com",
            ("s3", eu),
        );
        let cn = "cn-north-1";
        check("sqs", cn, "sqs.cn-north-1.amazonaws.com.cn", ("sqs", cn));
    }
}
