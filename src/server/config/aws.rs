//! The `aws` table: where AWS's services are, and the keys that sign requests to them.

use std::collections::BTreeMap;

use crate::model;
use crate::server::config::check;
use crate::server::config::field::Default::{Absent, Is};
use crate::server::config::field::Plain::{EmptyTable, Flag};
use crate::server::config::field::{Kind, Section, field};
use crate::server::config::resolve::Resolver;
use crate::server::config::settings::{Aws, AwsKeys, Written};
use crate::server::config::value::{Table, Value};

pub static AWS: Section = Section {
    title: "`aws`",
    doc: "How integrations with AWS's services reach them, and which keys sign their requests. Without keys \
          here, those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used, or else the shared credentials file, or \
          those of the container or the instance.",
    fields: &[
        field(
            "region",
            Kind::Text(check::region),
            Absent("\"eu-west-1\""),
            "The region of requests that name none, such as those for roles; absent: `account.region`.",
        ),
        field(
            "endpoint",
            Kind::Text(check::endpoint),
            Absent("\"http://127.0.0.1:4566\""),
            "The URL of all services that `endpoints` does not name; absent: AWS. Its host may be an upstream, whose \
             TLS settings then hold.",
        ),
        field(
            "endpoints",
            Kind::Map {
                key: check::service,
                of: &Kind::Text(check::endpoint),
                sample: "dynamodb",
            },
            Is(EmptyTable),
            "The URL of a service, by the service's name in the URI of an integration.",
        ),
        field(
            "access_key_id",
            Kind::Text(check::access_key_id),
            Absent("\"AKIAIOSFODNN7EXAMPLE\""),
            "The access key that signs.",
        ),
        field(
            "secret_access_key",
            Kind::Text(check::secret),
            Absent("\"wJalrXUtnFEMI\""),
            "Its secret.",
        ),
        field(
            "secret_access_key_file",
            Kind::File,
            Absent("\"aws.secret\""),
            "The file with its secret, instead of `secret_access_key`.",
        ),
        field(
            "session_token",
            Kind::Text(check::secret),
            Absent("\"AQoDYXdzEPT\""),
            "Its session token, if it is a temporary one.",
        ),
        field(
            "profile",
            Kind::Text(check::profile),
            Absent("\"gateway\""),
            "The profile in the shared credentials file whose key signs, instead of `access_key_id`.",
        ),
        field(
            "credentials_file",
            Kind::File,
            Absent("\"/etc/daemun/aws-credentials\""),
            "The shared credentials file; absent: AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials. It is read again \
             while the gateway runs.",
        ),
        field(
            "remote_functions",
            Kind::Flag,
            Is(Flag(false)),
            "Whether Lambda functions that this machine does not have are invoked at the endpoint of `lambda`.",
        ),
    ],
};

impl Resolver<'_> {
    pub fn aws(&mut self, aws: &Table, account: &Table) -> Aws {
        let text = |name: &str| aws.text(name).map(str::to_owned);
        let endpoints = aws.map("endpoints").iter();
        let endpoints = endpoints.filter_map(|(name, item)| match &item.value {
            Value::Text(url) => Some((name.clone(), url.clone())),
            _ => None,
        });
        let endpoints: BTreeMap<String, String> = endpoints.collect();
        let region = text("region").or_else(|| account.text("region").map(str::to_owned));
        let region = region.unwrap_or_default();
        Aws {
            keys: self.aws_keys(aws),
            services: model::Aws {
                region: region.clone(),
                endpoint: text("endpoint"),
                endpoints,
                remote_functions: aws.flag("remote_functions"),
            },
        }
    }

    fn aws_keys(&mut self, aws: &Table) -> AwsKeys {
        let text = |name: &str| aws.text(name).map(str::to_owned);
        let secret_file = self.file(aws, "secret_access_key_file");
        let file = self.file(aws, "credentials_file");
        let (profile, id) = (text("profile"), text("access_key_id"));
        let secret = match (text("secret_access_key"), secret_file) {
            (Some(_), Some(_)) => {
                let message = "aws: both `secret_access_key` and `secret_access_key_file`";
                let hint = "leave one of them out";
                self.blame(aws, "secret_access_key_file", message.to_owned(), hint);
                None
            }
            (Some(secret), None) => Some(Written::Here(secret)),
            (None, file) => file.map(Written::File),
        };
        let is_shared = profile.is_some() || file.is_some();
        match (id, secret) {
            (Some(_), _) if is_shared => {
                let message = "aws.access_key_id: there is a `profile` or `credentials_file` too";
                let hint = "keys are written here, or in a shared credentials file";
                self.blame(aws, "access_key_id", message.to_owned(), hint);
                AwsKeys::Usual
            }
            (Some(access_key_id), Some(secret)) => AwsKeys::Written {
                access_key_id,
                secret,
                session_token: text("session_token"),
            },
            (Some(_), None) => {
                let message = "aws.access_key_id: its secret is missing";
                let hint = "add `secret_access_key` or `secret_access_key_file`";
                self.blame(aws, "access_key_id", message.to_owned(), hint);
                AwsKeys::Usual
            }
            (None, Some(_)) => {
                let message = "aws: a secret without `access_key_id`";
                let hint = "add the id of the key that it belongs to";
                self.blame(aws, "secret_access_key", message.to_owned(), hint);
                AwsKeys::Usual
            }
            (None, None) if is_shared => AwsKeys::Shared { profile, file },
            (None, None) => AwsKeys::Usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::server::config::settings::AwsKeys;
    use crate::server::config::{Config, Report};

    fn parse(text: &str) -> Result<Config, Report> {
        Config::parse(text, "daemun.toml")
    }

    #[test]
    fn endpoints_and_keys_are_read() {
        let text = "[aws]\nregion = \"eu-west-1\"\nendpoint = \"http://127.0.0.1:5000\"\n\
                    profile = \"p\"\nremote_functions = true\n\
                    [aws.endpoints]\nsqs = \"https://queues:9324\"\n";
        let aws = parse(text).map(|config| config.settings.aws);
        let Ok(aws) = aws else { unreachable!() };
        assert_eq!(aws.services.region, "eu-west-1");
        assert_eq!(
            aws.services.endpoint_of(["sqs"]),
            Some("https://queues:9324")
        );
        assert_eq!(
            aws.services.endpoint_of(["sns"]),
            Some("http://127.0.0.1:5000")
        );
        let profile = Some("p".to_owned());
        assert_eq!(
            aws.keys,
            AwsKeys::Shared {
                profile,
                file: None
            }
        );
        assert!(aws.services.remote_functions);
    }

    #[test]
    fn half_a_key_is_blamed_by_name() {
        let check = |text: &str, expected: &str| {
            let report = parse(text).map(drop).map_err(|report| report.to_string());
            assert!(report.is_err_and(|text| text.contains(expected)), "{text}");
        };
        check(
            "[aws]\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"",
            "its secret is missing",
        );
        check(
            "[aws]\nsecret_access_key = \"s\"",
            "without `access_key_id`",
        );
        check("[aws]\nendpoint = \"127.0.0.1:5000\"", "aws.endpoint");
        check("[aws]\nendpoint = \"http://a b\"", "aws.endpoint");
        check("[aws.endpoints]\n\"a b\" = \"http://a\"", "aws.endpoints");
    }
}
