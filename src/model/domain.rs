//! `Domain`: a custom domain name with its mappings and routing rules.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// A host name or `*.example.com`.
    pub name: String,
    /// Asked only if `Routing` says so.
    pub mappings: Vec<Mapping>,
    /// In any order; as `mappings`.
    pub rules: Vec<RoutingRule>,
    pub routing: Routing,
    /// Only clients are let in that showed this domain a certificate it trusts.
    pub is_guarded: bool,
}

/// What decides where a request goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    #[default]
    Mappings,
    RulesThenMappings,
    Rules,
}

/// A base path that leads to an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// `v1/orders`, or empty.
    pub path: String,
    pub api: String,
    /// None: the next segment of the path names it.
    pub stage: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// The lowest is asked first.
    pub priority: u32,
    /// All must hold.
    pub conditions: Vec<Condition>,
    pub api: String,
    pub stage: String,
    pub strips_base_path: bool,
}

/// Holds if any of its entries does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    BasePaths(Vec<String>),
    /// Names, and values that may begin or end with `*`.
    Headers(Vec<(String, String)>),
}
