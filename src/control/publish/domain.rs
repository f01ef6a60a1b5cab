//! Custom domain names with their mappings and rules, as records to models.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::base::id::ResourceIds;
use crate::control::desk::{Desk, Record, Rows, Scope, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::publish::{Surroundings, compiled, scopes};
use crate::model::domain::{Condition, Mapping, Routing, RoutingRule};
use crate::model::{Domain, Snapshot};
use crate::rt::tls::Version;
use crate::store::{Prefix, View};

/// A domain as `compile` takes it, and the certificate that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainModel {
    pub domain: Arc<Domain>,
    pub certificate: Option<Arc<PemPair>>,
    /// The oldest TLS version for its clients.
    pub tls_minimum: Version,
    /// Certificates in PEM, one of which must have signed that of a client.
    pub truststore: Option<Arc<str>>,
}

/// A certificate with those that sign it, and its private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct PemPair {
    pub chain: String,
    pub key: String,
}

impl fmt::Debug for PemPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PemPair(…)")
    }
}

/// The members of a record that hold a `PemPair`; no operation shows them.
pub const CHAIN: &str = "chainPem";
pub const KEY: &str = "privateKeyPem";
/// What was in the truststore when the domain was told of it; no operation shows it.
pub const TRUST: &str = "truststorePem";

/// What names a domain among those of all accounts and regions.
pub fn key(scope: &Scope, id: &str) -> String {
    format!("{}/{}/{id}", scope.account, scope.region)
}

/// The models of all domains in the store, by their keys. One that cannot be served any more is
/// left out and said.
///
/// # Errors
/// When the store cannot be read.
pub fn all(
    view: &View<'_>,
    surroundings: &Surroundings,
    ids: &mut ResourceIds,
) -> Outcome<Vec<(String, DomainModel)>> {
    let mut domains = Vec::new();
    for scope in scopes(view)? {
        let prefix = Prefix::kind(&scope.account, &scope.region, kind::DOMAIN_NAME);
        let page = view.list(&prefix, None, usize::MAX)?;
        let ids = page.entries.into_iter().map(|entry| entry.key.id);
        domains.extend(ids.map(|id| (scope.clone(), id)));
    }
    let mut models = Vec::new();
    for (scope, id) in &domains {
        let desk = Desk::new(Rows::Read(view), scope, &surroundings.fixed, ids, 0);
        let made = model(&desk, id).and_then(|made| match made {
            Some(made) => check(&made, surroundings).map(|()| Some(made)),
            None => Ok(None),
        });
        match made {
            Ok(made) => models.extend(made.map(|made| (key(scope, id), made))),
            Err(error) => {
                tracing::error!(
                    domain = id,
                    error = error.message,
                    "a domain cannot be served"
                );
            }
        }
    }
    Ok(models)
}

/// None if there is no such domain.
///
/// # Errors
/// When the store cannot be read.
pub fn model(desk: &Desk<'_>, id: &str) -> Outcome<Option<DomainModel>> {
    let Some(record) = desk.get(kind::DOMAIN_NAME, id)? else {
        return Ok(None);
    };
    let below = format!("{id}/");
    let mappings = desk.list(kind::API_MAPPING, &below)?;
    let rules = desk.list(kind::ROUTING_RULE, &below)?;
    let truststore = match text(&record, TRUST) {
        "" => None,
        own => Some(Arc::from(own)),
    };
    let is_guarded = record.contains_key("mutualTlsAuthentication");
    if is_guarded && truststore.is_none() {
        // To let everybody in would be worse than to refuse all.
        let why = "its truststore was never read: calls are refused until it is set again";
        tracing::warn!(domain = id, why);
    }
    let certificate = match (text(&record, CHAIN), text(&record, KEY)) {
        ("", _) | (_, "") => None,
        (chain, key) => Some(Arc::new(PemPair {
            chain: chain.to_owned(),
            key: key.to_owned(),
        })),
    };
    Ok(Some(DomainModel {
        domain: Arc::new(Domain {
            name: text(&record, "domainName").to_owned(),
            mappings: mappings.iter().map(|(_, own)| mapping(own)).collect(),
            rules: rules.iter().map(|(_, own)| rule(own)).collect(),
            routing: match text(&record, "routingMode") {
                "ROUTING_RULE_ONLY" => Routing::Rules,
                "ROUTING_RULE_THEN_BASE_PATH_MAPPING" => Routing::RulesThenMappings,
                _ => Routing::Mappings,
            },
            is_guarded,
        }),
        certificate,
        tls_minimum: match text(&record, "securityPolicy") {
            // All others allow TLS 1.2, and those that allow older versions get none here.
            policy
                if policy.contains("_TLS13_1_3_") || policy == "SecurityPolicy_TLS13_2025_EDGE" =>
            {
                Version::Tls13
            }
            _ => Version::Tls12,
        },
        truststore,
    }))
}

fn mapping(record: &Record) -> Mapping {
    Mapping {
        path: text(record, "apiMappingKey").to_owned(),
        api: text(record, "apiId").to_owned(),
        stage: record
            .get("stage")
            .and_then(Value::as_str)
            .map(str::to_owned),
    }
}

fn rule(record: &Record) -> RoutingRule {
    let member = |key: &str| record.get(key).unwrap_or(&Value::Null);
    let action = &member("actions")[0]["invokeApi"];
    let conditions = member("conditions").as_array();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = conditions.into_iter().flatten().flat_map(|condition| {
        let list = |key: &str| condition[key]["anyOf"].as_array();
        let paths = list("matchBasePaths");
        let paths = paths.map(|all| Condition::BasePaths(all.iter().map(word).collect()));
        let headers = list("matchHeaders").map(|all| {
            let all = all.iter();
            let pairs = all.map(|own| (word(&own["header"]), word(&own["valueGlob"])));
            Condition::Headers(pairs.collect())
        });
        paths.into_iter().chain(headers)
    });
    RoutingRule {
        priority: member("priority")
            .as_u64()
            .and_then(|priority| u32::try_from(priority).ok())
            .unwrap_or(u32::MAX),
        conditions: conditions.collect(),
        api: word(&action["apiId"]),
        stage: word(&action["stage"]),
        strips_base_path: action["stripBasePath"] == true,
    }
}

/// Whether a domain can be served beside the config file.
///
/// # Errors
/// All that hinders it, in one message.
pub fn check(model: &DomainModel, surroundings: &Surroundings) -> Outcome<()> {
    let name = &model.domain.name;
    let is_it = |host: &&String| host.eq_ignore_ascii_case(name);
    if surroundings.hosts.iter().any(|host| is_it(&host)) {
        return Err(Error::conflict(format!(
            "{name} is a host of an API in the config file of the gateway"
        )));
    }
    compiled(&Snapshot {
        domains: vec![Arc::clone(&model.domain)],
        ..Snapshot::default()
    })
}
