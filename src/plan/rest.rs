//! What REST APIs add: what a method asks of its requests, how it turns them into those of its
//! integration, and answers into answers.

use std::sync::Arc;

use crate::lang::params::Source;
use crate::lang::pattern::Pattern;
use crate::lang::schema::Schema;
use crate::lang::vtl;
use crate::plan::Stage;
use crate::plan::refusal::GatewayResponses;

/// What all methods of a stage share.
#[derive(Clone, Debug, Default)]
pub struct RestStage {
    /// `{api}/{stage}`, as usage plans name it.
    pub scope: Box<str>,
    pub account_id: Box<str>,
    pub deployment_id: Box<str>,
    pub responses: GatewayResponses,
    pub canary: Option<Canary>,
    pub binary_types: MediaTypes,
    /// What may be kept of answers, bytes; 0: there is no cache.
    pub cache_bytes_max: usize,
    /// Answers that were kept in another epoch are of no use.
    pub cache_epoch: u64,
    /// A canary takes what the stage has kept, and the other way round.
    pub shares_cache: bool,
    /// Answers of so many bytes are compressed for clients that like it; none: none are.
    pub compress_from: Option<usize>,
    /// Names and values, in the order of the names.
    pub variables: Box<[(Box<str>, Box<str>)]>,
}

/// A second deployment of a stage, which some of the requests get.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Of the requests, from 0 to 100.
    pub percent: f64,
    /// The stage as the canary serves it.
    pub stage: Arc<Stage>,
}

/// What of a payload is made on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentHandling {
    ToBinary,
    ToText,
}

/// Media types whose payloads are bytes, not text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes(Box<[Box<str>]>);

impl MediaTypes {
    /// `image/png`, `image/*` or `*/*`.
    pub fn new(written: &[String]) -> Self {
        let types = written.iter();
        Self(types.map(|one| one.to_ascii_lowercase().into()).collect())
    }

    /// Whether this media type, in lower case, is among them. A wildcard may stand behind the
    /// slash, or for everything.
    pub fn has(&self, media_type: &str) -> bool {
        self.0.iter().any(|own| match own.strip_suffix("/*") {
            Some("*") => true,
            Some(group) => media_type
                .strip_prefix(group)
                .is_some_and(|rest| rest.starts_with('/')),
            None => **own == *media_type,
        })
    }
}

/// A method of a REST API in one stage.
#[derive(Debug)]
pub struct RestRoute {
    pub resource_id: Box<str>,
    /// As written: `/pets/{id}`.
    pub resource_path: Box<str>,
    /// `pets/{id}/GET`, as usage plans name methods.
    pub throttle_key: Box<str>,
    pub api_key_required: bool,
    /// An authorizer says the key, not the client.
    pub key_of_authorizer: bool,
    /// What must be there and not blank, in the order in which AWS names what is missing.
    pub required: Box<[Parameter]>,
    /// What bodies must be, by media type, `$default` for any other; none: anything.
    pub models: Option<Models>,
    pub kind: Kind,
    pub request: RequestMap,
    /// In the order of their status codes; the first whose pattern matches is taken.
    pub replies: Box<[Reply]>,
    /// Nothing is asked of a request and nothing moved: it streams to the target.
    pub is_plain: bool,
    /// The answer goes to the client while it comes, whatever else the stage would do with it.
    pub streams: bool,
    /// The body must be in memory before the integration is asked.
    pub needs_body: bool,
    /// None: answers are not kept.
    pub cache: Option<CacheRule>,
    /// What its calls tell their execution log; none: nothing.
    pub log: Option<ExecutionLog>,
    /// Why every request ends as API_CONFIGURATION_ERROR, for the log; AWS finds out at the call.
    pub fault: Option<Box<str>>,
    /// Time for the integration, milliseconds.
    pub timeout_ms: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All that the client sent goes on, and the answer comes back as it is.
    HttpProxy,
    /// Only what is mapped goes on and comes back.
    Http,
    /// A function is told of the request and says the answer.
    FunctionProxy,
    /// A function gets what is made of the request.
    Function,
    /// A service of AWS gets what is made of the request.
    Service,
    /// Nobody is asked.
    Mock,
}

impl Kind {
    /// Whether a service of AWS is asked, which takes fewer headers than others.
    pub fn is_aws(self) -> bool {
        matches!(self, Self::FunctionProxy | Self::Function | Self::Service)
    }
}

/// How much of a call goes to the execution log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionLog {
    /// Why a call failed (AWS: `ERROR`).
    Failures,
    /// What was done too (`INFO`).
    Steps,
    /// What was sent and came too (`INFO` with data trace).
    Payloads,
}

/// Schemas by the media type that they are for.
pub type Models = Box<[(Box<str>, Schema)]>;

/// How answers of a method are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    pub ttl_s: u32,
    pub namespace: Box<str>,
    /// What makes a difference to the answer.
    pub parameters: Box<[Parameter]>,
    /// Only who may, can have an answer forgotten.
    pub needs_authorization: bool,
    pub unauthorized: Unauthorized,
}

/// What happens to one who wants an answer forgotten and may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// 403.
    Refused,
    /// Served from the cache, with a `Warning`.
    Warned,
    /// Served from the cache.
    Ignored,
}

/// A part of a request that a method has declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    Header(Box<str>),
    Path(Box<str>),
    Query(Box<str>),
}

impl Parameter {
    pub fn name(&self) -> &str {
        match self {
            Self::Header(name) | Self::Path(name) | Self::Query(name) => name,
        }
    }
}

/// How a request becomes that of its integration.
#[derive(Debug, Default)]
pub struct RequestMap {
    /// The path of the URI; begins with `/` when it is written.
    pub path: Box<[UriPart]>,
    /// The URI's own query without `?`.
    pub query: Box<[UriPart]>,
    pub headers: Moves,
    pub queries: Moves,
    pub templates: Templates,
    pub passthrough: Passthrough,
    pub handling: Option<ContentHandling>,
}

impl RequestMap {
    /// Every place that a value of the request is taken from.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let parts = self.path.iter().chain(&self.query);
        let in_uri = parts.filter_map(|part| match part {
            UriPart::Literal(_) => None,
            UriPart::Value { source, .. } => Some(source),
        });
        let moved = self.headers.iter().chain(&self.queries);
        in_uri.chain(moved.map(|(_, source)| source))
    }

    /// Nothing is moved: the target says it all.
    pub fn is_empty(&self) -> bool {
        self.path.is_empty() && self.headers.is_empty() && self.queries.is_empty()
    }
}

/// Names and where their values come from, in the order in which they were written.
pub type Moves = Box<[(Box<str>, Source)]>;

/// Templates by the media type that they are for, in the order in which they were written.
pub type Templates = Box<[(Box<str>, Template)]>;

#[derive(Clone, Debug)]
pub enum Template {
    /// Nothing in it has to be evaluated.
    Static(Box<str>),
    Dynamic(Box<Dynamic>),
}

/// What has to be evaluated for each call.
#[derive(Clone, Debug)]
pub struct Dynamic {
    pub template: vtl::Template,
    /// The names of `$context` that it may look at.
    pub context: Box<[&'static str]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriPart {
    Literal(Box<[u8]>),
    /// `integration.request.path.{name}`
    Value {
        name: Box<str>,
        source: Source,
    },
}

/// What becomes of a body that no template is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passthrough {
    #[default]
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

/// An integration response: what of the integration's answer the client gets.
#[derive(Debug)]
pub struct Reply {
    /// None: where no other matches.
    pub pattern: Option<Pattern>,
    pub status: u16,
    pub headers: Moves,
    pub templates: Templates,
    pub handling: Option<ContentHandling>,
}
