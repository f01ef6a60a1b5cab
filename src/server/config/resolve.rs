//! From values to settings and snapshot, with the checks that look at more than one field.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lambda::Function;
use crate::model::v2::{
    Api, ApiKind, EventFormat, FunctionCall, Integration, Reach, Route, RouteKey, Stage,
};
use crate::model::{Snapshot, Throttle, Upstream, UpstreamTarget, UpstreamTls};
use crate::server::config::problem::{Problems, quoted};
use crate::server::config::settings::{
    AccessLog, CertificateFiles, Dns, Driver, Forwarding, Limits, Listener, ListenerTls, Logging,
    Settings, Timeouts, TlsVersion, XForwarded,
};
use crate::server::config::value::{Item, Table, Value};
use crate::server::config::{check, function};

/// A file that the config names, and where it does.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFile {
    pub path: PathBuf,
    pub range: Range<usize>,
    /// It need not be there, but the folder it is to be in.
    pub is_log: bool,
}

/// Turns a read file into what the rooms want. `folder` is where relative paths start.
pub struct Resolver<'a> {
    pub folder: &'a Path,
    pub problems: &'a mut Problems,
    /// Files that must be readable, or writable, for the config to work.
    pub files: Vec<NamedFile>,
}

impl Resolver<'_> {
    pub fn settings(&mut self, root: &Table) -> Settings {
        let empty = Table::default();
        let section = |name| root.table(name).unwrap_or(&empty);
        let listeners = self.listeners(root);
        Settings {
            workers: root.integer("workers").and_then(|n| u16::try_from(n).ok()),
            driver: match root.text("driver") {
                Some("io_uring") => Driver::IoUring,
                Some("epoll") => Driver::Epoll,
                _ => Driver::Auto,
            },
            admin: self.admin(section("admin"), &listeners),
            management: self.management(section("management"), &listeners, section("admin")),
            listeners,
            limits: limits(section("limits")),
            timeouts: timeouts(section("timeouts")),
            forwarding: forwarding(section("forwarding")),
            logging: self.logging(section("logging")),
            dns: self.dns(section("dns")),
            region: section("account")
                .text("region")
                .unwrap_or_default()
                .to_owned(),
            account: section("management")
                .text("default_account")
                .unwrap_or_default()
                .to_owned(),
            aws: self.aws(section("aws"), section("account")),
        }
    }

    /// The functions of this machine; routes that name others by name alone are blamed.
    pub fn functions(&mut self, root: &Table, settings: &Settings) -> Vec<Function> {
        let (account, region) = (&settings.account, &settings.region);
        let all = root.map("functions");
        for (_, item) in root.map("apis") {
            let routes = item.table().map_or(&[][..], |api| api.map("routes"));
            for (_, route) in routes {
                let integration = route.table().and_then(|route| route.get("integration"));
                let Some(Value::Tagged("aws_proxy", table)) = integration.map(|item| &item.value)
                else {
                    continue;
                };
                let text = table.text("function").unwrap_or_default();
                let name = text.split(':').next().unwrap_or_default();
                let is_open = text.contains("${") || name == "arn";
                if !is_open && !all.iter().any(|(other, _)| other == name) {
                    let message = format!("there is no function {}", quoted(name));
                    let hint = "add it under `functions`, or name a function by its ARN";
                    self.blame(table, "function", message, hint);
                } else if !is_open && !matches!(&text[name.len()..], "" | ":$LATEST") {
                    let message =
                        format!("functions of this file have no version {}", quoted(text));
                    let hint = format!("write {}", quoted(name));
                    self.blame(table, "function", message, &hint);
                }
            }
        }
        for (name, item) in all {
            let Some(table) = item.table() else { continue };
            for (field, wrong, hint) in function::faults(table) {
                let message = format!("functions.{name}.{field}: {wrong}");
                self.blame(table, field, message, hint);
            }
        }
        let functions = all.iter().filter_map(|(name, item)| {
            function::function(name, item.table()?, self.folder, account, region)
        });
        functions.collect()
    }

    /// Upstreams and APIs. What could not be read is left out or zero; a problem says so.
    pub fn snapshot(&mut self, root: &Table, settings: &Settings) -> Snapshot {
        let account = root.table("account");
        let upstreams = root.map("upstreams").iter();
        let upstreams = upstreams.filter_map(|(name, item)| self.upstream(name, item.table()?));
        let upstreams = upstreams.collect();
        let apis = root.map("apis").iter();
        Snapshot {
            account_throttle: account.and_then(throttle),
            upstreams,
            apis: apis
                .filter_map(|(name, item)| Some(Arc::new(api(name, item.table()?, settings))))
                .collect(),
            domains: Vec::new(),
            execute_api_suffixes: settings
                .management
                .as_ref()
                .map(|management| management.execute_api_suffixes.clone())
                .unwrap_or_default(),
            aws: settings.aws.services.clone(),
        }
    }

    fn listeners(&mut self, root: &Table) -> Vec<Listener> {
        let mut taken: HashMap<SocketAddr, &str> = HashMap::new();
        let mut listeners = Vec::new();
        for (name, item) in root.map("listeners") {
            let Some(table) = item.table() else { continue };
            let tls = table.table("tls").map(|tls| self.listener_tls(tls, table));
            let Some(address) = table.address("address") else {
                continue;
            };
            let taken_by = taken.iter().find(|(other, _)| overlap(**other, address));
            if let Some((address, other)) = taken_by {
                let message = format!("listeners.{name}: `{other}` listens on {address} already");
                let hint = "give each listener its own address or port";
                self.blame(table, "address", message, hint);
            }
            taken.insert(address, name);
            listeners.push(Listener {
                name: name.clone(),
                address,
                tls,
            });
        }
        if listeners.is_empty() {
            listeners.push(Listener {
                name: "main".to_owned(),
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                tls: None,
            });
        }
        listeners
    }

    fn listener_tls(&mut self, tls: &Table, listener: &Table) -> ListenerTls {
        let written = tls.get("certificates").map(|item| &item.value);
        if matches!(written, Some(Value::List(items)) if items.is_empty()) {
            let message = "TLS needs at least one certificate";
            let hint = "leave `tls` out to speak plain HTTP";
            let blamed = if tls.get("certificates").is_some() {
                tls
            } else {
                listener
            };
            self.blame(blamed, "certificates", message.to_owned(), hint);
        }
        let items = tls.list("certificates").iter().filter_map(Item::table);
        let certificates = items.map(|files| CertificateFiles {
            certificate: self.file(files, "certificate").unwrap_or_default(),
            private_key: self.file(files, "private_key").unwrap_or_default(),
        });
        ListenerTls {
            certificates: certificates.collect(),
            minimum_version: match tls.text("minimum_version") {
                Some("1.3") => TlsVersion::Tls13,
                _ => TlsVersion::Tls12,
            },
            client_authorities: self.file(tls, "client_authorities"),
        }
    }

    fn admin(&mut self, admin: &Table, listeners: &[Listener]) -> Option<SocketAddr> {
        let address = admin.address("address")?;
        if !address.ip().is_loopback() {
            let message = format!("admin.address: {address} is not a loopback address");
            let hint = format!("write \"127.0.0.1:{}\", or \"off\"", address.port());
            self.blame(admin, "address", message, &hint);
        }
        let clash = |listener: &&Listener| overlap(listener.address, address);
        if let Some(Listener { name, address, .. }) = listeners.iter().find(clash) {
            let message =
                format!("admin.address: the listener `{name}` listens on {address} already");
            self.blame(admin, "address", message, "give each its own port");
        }
        Some(address)
    }

    fn logging(&mut self, logging: &Table) -> Logging {
        Logging {
            level: logging.text("level").unwrap_or("info").to_owned(),
            access_log: self.log_place(logging, "access_log"),
            access_log_format: logging
                .text("access_log_format")
                .unwrap_or_default()
                .to_owned(),
            execution_log: self.log_place(logging, "execution_log"),
            function_log: self.log_place(logging, "function_log"),
        }
    }

    fn log_place(&mut self, logging: &Table, field: &str) -> AccessLog {
        match logging.text(field) {
            None => AccessLog::Off,
            Some("stdout") => AccessLog::Stdout,
            Some(path) => {
                let path = self.folder.join(path);
                if let Some(item) = logging.get(field) {
                    self.files.push(NamedFile {
                        path: path.clone(),
                        range: item.span.clone(),
                        is_log: true,
                    });
                }
                AccessLog::File(path)
            }
        }
    }

    fn dns(&mut self, dns: &Table) -> Dns {
        let (minimum_ttl_ms, maximum_ttl_ms) = (dns.ms("minimum_ttl"), dns.ms("maximum_ttl"));
        if maximum_ttl_ms != 0 && minimum_ttl_ms > maximum_ttl_ms {
            let message = "dns.minimum_ttl: is more than `maximum_ttl`".to_owned();
            self.blame(dns, "minimum_ttl", message, "raise `maximum_ttl` too");
        }
        let servers = dns
            .list("servers")
            .iter()
            .filter_map(|item| match &item.value {
                Value::Text(text) => check::name_server_address(text),
                _ => None,
            });
        Dns {
            servers: servers.collect(),
            minimum_ttl_ms,
            maximum_ttl_ms,
            timeout_ms: dns.ms("timeout"),
        }
    }

    fn upstream(&mut self, name: &str, table: &Table) -> Option<Upstream> {
        let host_header = table.text("host_header").map(str::to_owned);
        let preserve_host = table.flag("preserve_host");
        if host_header.is_some() && preserve_host {
            let message =
                format!("upstreams.{name}: `host_header` and `preserve_host` exclude each other");
            self.blame(table, "preserve_host", message, "leave one of them out");
        }
        let written = table.get("targets").map(|item| &item.value);
        let missing = matches!(written, Some(Value::Bad)).then_some(None);
        let targets = table.list("targets").iter().map(Item::table);
        let targets = targets.chain(missing).map(|target| {
            let address = target.and_then(|target| target.text("address"));
            // Of one that is none its own problem is told, and not that it is missing.
            let parts = address.and_then(|address| check::target_parts(address).ok());
            let (host, port) = parts.unwrap_or(("invalid", 1));
            UpstreamTarget {
                host: host.to_owned(),
                port,
                weight: target.map_or(1, |target| target.count("weight")),
            }
        });
        Some(Upstream {
            name: name.to_owned(),
            targets: targets.collect(),
            least_outstanding: table.text("balance") == Some("least_outstanding"),
            eject_after: table.count("eject_after"),
            eject_ms: table.ms("eject_time"),
            connect_timeout_ms: table.ms("connect_timeout"),
            idle_timeout_ms: table.ms("idle_timeout"),
            idle_connections_max: table.count("idle_connections"),
            host_header,
            preserve_host,
            vpc_link: table.text("vpc_link").map(str::to_owned),
            tls: match table.table("tls") {
                None => UpstreamTls::default(),
                Some(tls) => UpstreamTls {
                    server_name: tls.text("server_name").map(str::to_owned),
                    ca_file: self
                        .file(tls, "ca_file")
                        .map(|path| path.display().to_string()),
                    insecure_skip_verification: tls.flag("insecure_skip_verification"),
                },
            },
        })
    }

    /// The path that a field names, remembered as one that must be readable.
    pub fn file(&mut self, table: &Table, field: &str) -> Option<PathBuf> {
        let item = table.get(field)?;
        let Value::Text(written) = &item.value else {
            return None;
        };
        let path = self.folder.join(written);
        self.files.push(NamedFile {
            path: path.clone(),
            range: item.span.clone(),
            is_log: false,
        });
        Some(path)
    }

    pub fn blame(&mut self, table: &Table, field: &str, message: String, hint: &str) {
        let range = table.get(field).map(|item| item.span.clone());
        // A default stands nowhere in the file.
        let range = range.filter(|range| !range.is_empty());
        self.problems.push(range, message, Some(hint.to_owned()));
    }
}

/// Whether both cannot be listened on: one address, or one that stands for all of its kind.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_kind = one.is_ipv4() == other.is_ipv4();
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || (is_all && same_kind))
}

fn limits(limits: &Table) -> Limits {
    Limits {
        header_bytes_max: limits.bytes("header_bytes"),
        url_bytes_max: limits.bytes("url_bytes"),
        header_count_max: limits.count("header_count"),
        body_bytes_max: limits.bytes_or_off("body_bytes"),
        trailer_bytes_max: limits.bytes("trailer_bytes"),
        connections_max: Some(limits.count("connections")).filter(|count| *count != 0),
    }
}

fn timeouts(timeouts: &Table) -> Timeouts {
    Timeouts {
        header_ms: timeouts.ms("header"),
        body_ms: timeouts.ms("body"),
        idle_ms: timeouts.ms("idle"),
        handshake_ms: timeouts.ms("handshake"),
        write_ms: timeouts.ms("write"),
        exchange_ms: timeouts.ms_or_off("exchange"),
        drain_ms: timeouts.ms("drain"),
    }
}

fn forwarding(forwarding: &Table) -> Forwarding {
    Forwarding {
        x_forwarded: match forwarding.text("x_forwarded") {
            Some("replace") => XForwarded::Replace,
            Some("off") => XForwarded::Off,
            _ => XForwarded::Append,
        },
        forwarded: forwarding.flag("forwarded"),
        via: forwarding.filled("via"),
        request_id_header: forwarding.filled("request_id_header"),
    }
}

fn api(name: &str, table: &Table, settings: &Settings) -> Api {
    let hosts = table
        .list("hosts")
        .iter()
        .filter_map(|item| match &item.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
    let routes = table.map("routes").iter();
    let mut stages: Vec<Stage> = table
        .map("stages")
        .iter()
        .filter_map(|(name, item)| Some(stage(name, item.table()?)))
        .collect();
    if stages.is_empty() {
        stages.push(Stage {
            name: "$default".to_owned(),
            ..Stage::default()
        });
    }
    if settings.logging.access_log != AccessLog::Off {
        for stage in &mut stages {
            let default = || settings.logging.access_log_format.clone();
            stage.access_log_format.get_or_insert_with(default);
        }
    }
    Api {
        kind: ApiKind::File,
        reach: Reach::Hosts,
        id: name.to_owned(),
        hosts: hosts.collect(),
        base_path: table.text("base_path").unwrap_or("/").to_owned(),
        routes: routes
            .filter_map(|(key, item)| route(key, item.table()?, settings).map(Arc::new))
            .collect(),
        stages,
    }
}

fn route(key: &str, table: &Table, settings: &Settings) -> Option<Route> {
    let body_bytes_max = match table.get("body_bytes")?.value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Absent => settings.limits.body_bytes_max,
        _ => None,
    };
    Some(Route {
        key: RouteKey::parse(key).ok()?,
        integration: integration(table.get("integration")?, settings)?,
        throttle: throttle(table),
        body_bytes_max,
        guard: None,
    })
}

fn integration(item: &Item, settings: &Settings) -> Option<Integration> {
    let Value::Tagged(kind, table) = &item.value else {
        return None;
    };
    match *kind {
        "http_proxy" => Some(Integration::HttpProxy {
            method: None,
            uri: table.text("uri")?.to_owned(),
            timeout_ms: table.ms("timeout"),
        }),
        "aws_proxy" => Some(Integration::Function(Box::new(FunctionCall {
            function: function::arn_of(table.text("function")?, settings),
            format: match table.text("payload") {
                Some("1.0") => EventFormat::Http1,
                _ => EventFormat::Http2,
            },
            timeout_ms: table.ms("timeout"),
            streams: table.flag("stream"),
            account_id: settings.account.clone(),
            ..FunctionCall::default()
        }))),
        _ => Some(Integration::Mock {
            status: u16::try_from(table.count("status")).ok()?,
            // The others have been spoken of.
            headers: texts(table.map("headers"))
                .filter(|(name, _)| check::answer_header(name).is_ok())
                .collect(),
            body: table.text("body")?.to_owned(),
        }),
    }
}

fn stage(name: &str, table: &Table) -> Stage {
    Stage {
        name: name.to_owned(),
        variables: texts(table.map("variables")).collect(),
        throttle: throttle(table),
        access_log_format: table.text("access_log_format").map(str::to_owned),
        ..Stage::default()
    }
}

fn throttle(table: &Table) -> Option<Throttle> {
    let throttling = table.table("throttling")?;
    Some(Throttle {
        rate_limit: throttling.number("rate_limit"),
        burst_limit: throttling.count("burst_limit"),
    })
}

fn texts(entries: &[(String, Item)]) -> impl Iterator<Item = (String, String)> {
    entries.iter().filter_map(|(name, item)| match &item.value {
        Value::Text(text) => Some((name.clone(), text.clone())),
        _ => None,
    })
}
