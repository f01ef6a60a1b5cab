//! Named groups of targets that integration URIs point to by host name.

#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Stands in the place of the host in an integration URI.
    pub name: String,
    /// At least one.
    pub targets: Vec<UpstreamTarget>,
    pub least_outstanding: bool,
    pub eject_after: u32,
    pub eject_ms: u32,
    pub connect_timeout_ms: u32,
    pub idle_timeout_ms: u32,
    pub idle_connections_max: u32,
    /// The `Host` sent; none: the authority of the integration URI.
    pub host_header: Option<String>,
    /// Send the client's own `Host`.
    pub preserve_host: bool,
    /// The name or the id of a VPC link, or the ARN of what one leads to.
    pub vpc_link: Option<String>,
    /// How to verify the targets when the integration URI says `https`.
    pub tls: UpstreamTls,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            name: String::new(),
            targets: Vec::new(),
            least_outstanding: false,
            eject_after: 5,
            eject_ms: 10_000,
            connect_timeout_ms: 5_000,
            idle_timeout_ms: 50_000,
            idle_connections_max: 512,
            host_header: None,
            preserve_host: false,
            vpc_link: None,
            tls: UpstreamTls::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamTarget {
    /// A host name or an IP address without brackets.
    pub host: String,
    pub port: u16,
    pub weight: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpstreamTls {
    /// The name sent as SNI and verified; none: the target's host.
    pub server_name: Option<String>,
    /// PEM file of the authorities to trust; none: the machine's.
    pub ca_file: Option<String>,
    pub insecure_skip_verification: bool,
}
