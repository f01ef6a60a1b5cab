//! The `management` table: its fields, and the checks that look at more than one of them.

use crate::base::date;
use crate::lang::policy::{Kind as PolicyKind, Policy};
use crate::server::config::check;
use crate::server::config::field::Default::{Absent, Is, Required};
use crate::server::config::field::Plain::{Flag, Text};
use crate::server::config::field::{Kind, Section, field};
use crate::server::config::problem::{Fault, quoted};
use crate::server::config::resolve::{Resolver, overlap};
use crate::server::config::settings::{Listener, Management, ManagementKey, Written};
use crate::server::config::value::{Table, Value};

pub static MANAGEMENT: Section = Section {
    title: "`management`",
    doc: "AWS's management APIs `apigateway` and `apigatewayv2`, for the AWS CLI, SDKs and Terraform.",
    fields: &[
        field(
            "address",
            Kind::Or("off", &Kind::Address),
            Is(Text("127.0.0.1:8081")),
            "An address and port, or `off`. A loopback address as long as there are no `keys`.",
        ),
        field(
            "data_dir",
            Kind::Text(check::any),
            Absent("\"/var/lib/daemun\""),
            "The folder that keeps what is made here; absent: in memory, lost when the process ends.",
        ),
        field(
            "default_account",
            Kind::Text(check::account),
            Is(Text("000000000000")),
            "The account id, twelve digits, of all resources while there are no `keys`, and of keys \
             that name none.",
        ),
        field(
            "mode",
            Kind::Choice(&["relaxed", "strict"]),
            Is(Text("relaxed")),
            "Whether AWS's upper limits of times and sizes hold, APIs need permissions of the \
             functions they call, and integration subtypes a role; all else is as in AWS in both.",
        ),
        field(
            "cors_on_errors",
            Kind::Flag,
            Is(Flag(false)),
            "Whether pages of any origin may read the gateway's own errors of REST APIs, where the \
             deployment does not say who may. Not with `mode = \"strict\"`, since AWS does not.",
        ),
        field(
            "stale_while_revalidate",
            Kind::Flag,
            Is(Flag(false)),
            "Whether cached answers of REST APIs with `Cache-Control: stale-while-revalidate=N` are \
             served for N seconds more than their time, at most 3600, while one call renews them. Not \
             with `mode = \"strict\"`, since AWS does not.",
        ),
        field(
            "execute_api_suffixes",
            Kind::List(&Kind::Text(check::host_suffix)),
            Absent("[\"eu-west-1.amazonaws.com\", \"gateway.example.com\"]"),
            "What alone may stand behind `{api}.execute-api.` in the host of a request to an API that \
             was made here; absent: anything.",
        ),
        field(
            "truststores",
            Kind::Map {
                key: truststore,
                of: &Kind::Text(check::any),
                sample: "s3://bucket/truststore.pem",
            },
            Absent(
                "{ \"s3://bucket/truststore.pem\" = \"truststore.pem\", \"s3://other/\" = \"truststores\" }",
            ),
            "The PEM files that stand for the truststores of domain names with mutual TLS, by \
             `truststoreUri`; what ends with a slash stands for a folder. Read when a domain is \
             created or updated.",
        ),
        field(
            "keys",
            Kind::Map {
                key: check::access_key_id,
                of: &Kind::Table(&KEY),
                sample: "AKIAIOSFODNN7EXAMPLE",
            },
            Absent(
                "{ AKIAIOSFODNN7EXAMPLE = { secret_file = \"alice.secret\", account = \"111122223333\", name = \"alice\" } }",
            ),
            "The access keys that may sign, by id; absent: any key is accepted. Changes hold at once.",
        ),
    ],
};

/// `s3://bucket/key`, or `s3://bucket/` for all keys that begin like this.
fn truststore(text: &str) -> Result<(), Fault> {
    let rest = text.strip_prefix("s3://").unwrap_or_default();
    match rest.split_once('/') {
        Some((bucket, _)) if !bucket.is_empty() => Ok(()),
        _ => Err(
            Fault::new(format!("{} is not the place of a truststore", quoted(text)))
                .hint("write \"s3://bucket/truststore.pem\", or \"s3://bucket/\" for a folder"),
        ),
    }
}

/// A date and time of RFC 3339.
fn moment(text: &str) -> Result<(), Fault> {
    match date::seconds_of(text) {
        Some(_) => Ok(()),
        None => Err(
            Fault::new(format!("{} is not a date and time", quoted(text)))
                .hint("write it like \"2030-01-01T00:00:00Z\""),
        ),
    }
}

static KEY: Section = Section {
    title: "an access key",
    doc: "An access key: each request has to be signed with the secret of one.",
    fields: &[
        field(
            "secret",
            Kind::Text(check::secret),
            Absent("\"wJalrXUtnFEMI\""),
            "The secret access key.",
        ),
        field(
            "secret_file",
            Kind::File,
            Absent("\"alice.secret\""),
            "The file with the secret access key, instead of `secret`.",
        ),
        field(
            "account",
            Kind::Text(check::account),
            Absent("\"111122223333\""),
            "The account whose resources the key can see and change; absent: `default_account`.",
        ),
        field(
            "name",
            Kind::Text(check::user_name),
            Required("\"alice\""),
            "The name of the user, as in `arn:aws:iam::111122223333:user/alice`.",
        ),
        field(
            "policy",
            Kind::Text(check::any),
            Absent(
                "'{ \"Version\": \"2012-10-17\", \"Statement\": { \"Effect\": \"Allow\", \"Action\": \"apigateway:GET\", \"Resource\": \"*\" } }'",
            ),
            "An IAM policy in JSON that says what the key may do; absent: everything in its account.",
        ),
        field(
            "policy_file",
            Kind::File,
            Absent("\"alice.json\""),
            "The file with the policy, instead of `policy`.",
        ),
        field(
            "session_token",
            Kind::Text(check::secret),
            Absent("\"FwoGZXIvYXdzEBYa\""),
            "The session token of a temporary key, which requests have to present.",
        ),
        field(
            "session_token_file",
            Kind::File,
            Absent("\"alice.token\""),
            "The file with the session token, instead of `session_token`.",
        ),
        field(
            "expires",
            Kind::Text(moment),
            Absent("\"2030-01-01T00:00:00Z\""),
            "When the key ends, a date and time of RFC 3339; absent: never.",
        ),
    ],
};

impl Resolver<'_> {
    pub fn management(
        &mut self,
        management: &Table,
        listeners: &[Listener],
        admin: &Table,
    ) -> Option<Management> {
        let default_account = management.text("default_account").unwrap_or_default();
        let keys: Vec<ManagementKey> = management
            .map("keys")
            .iter()
            .filter_map(|(id, item)| self.key(id, item.table()?, default_account))
            .collect();
        let address = management.address("address")?;
        // Keys that could not be read have their own problem.
        if !address.ip().is_loopback() && management.map("keys").is_empty() {
            let message = format!(
                "management.address: {address} is not a loopback address, and without \
                 `management.keys` everybody who reaches it could change everything"
            );
            let hint = format!(
                "write \"127.0.0.1:{}\", or add [management.keys.AKIA…]",
                address.port()
            );
            self.blame(management, "address", message, &hint);
        }
        let others = listeners.iter().map(|listener| listener.address);
        let mut others = others.chain(admin.address("address"));
        if let Some(other) = others.find(|other| overlap(*other, address)) {
            let message = format!("management.address: another listener is on {other} already");
            self.blame(management, "address", message, "give each its own port");
        }
        Some(Management {
            address,
            data_dir: management
                .text("data_dir")
                .map(|path| self.folder.join(path)),
            default_account: default_account.to_owned(),
            strict: management.text("mode") == Some("strict"),
            cors_on_errors: management.flag("cors_on_errors")
                && management.text("mode") != Some("strict"),
            stale_while_revalidate: management.flag("stale_while_revalidate")
                && management.text("mode") != Some("strict"),
            execute_api_suffixes: management
                .list("execute_api_suffixes")
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            truststores: management
                .map("truststores")
                .iter()
                .filter_map(|(uri, item)| match &item.value {
                    Value::Text(path) => Some((uri.clone(), self.folder.join(path))),
                    _ => None,
                })
                .collect(),
            keys,
        })
    }

    /// None: a problem has been reported.
    fn key(&mut self, id: &str, key: &Table, default_account: &str) -> Option<ManagementKey> {
        let secret = self.written(id, key, "secret", "secret_file");
        if secret.is_none() {
            let message =
                format!("management.keys.{id}: an access key needs `secret` or `secret_file`");
            self.blame(
                key,
                "secret",
                message,
                "for example: secret_file = \"alice.secret\"",
            );
        }
        let policy = self.written(id, key, "policy", "policy_file");
        if let Some(Written::Here(text)) = &policy
            && let Err(error) = Policy::parse(text, PolicyKind::Identity)
        {
            let message = format!("management.keys.{id}.policy: {error}");
            self.blame(
                key,
                "policy",
                message,
                "write an IAM identity policy in JSON",
            );
        }
        Some(ManagementKey {
            id: id.to_owned(),
            secret: secret?,
            account: key.text("account").unwrap_or(default_account).to_owned(),
            name: key.text("name").unwrap_or_default().to_owned(),
            policy,
            session_token: self.written(id, key, "session_token", "session_token_file"),
            expires_s: key.text("expires").and_then(date::seconds_of),
        })
    }

    /// What stands in the one field, or in the file that the other names.
    fn written(&mut self, id: &str, key: &Table, here: &str, elsewhere: &str) -> Option<Written> {
        let file = self.file(key, elsewhere).map(Written::File);
        let text = key.text(here).map(|text| Written::Here(text.to_owned()));
        if file.is_some() && text.is_some() {
            let message = format!("management.keys.{id}: both `{here}` and `{elsewhere}`");
            self.blame(key, elsewhere, message, "leave one of them out");
        }
        text.or(file)
    }
}
