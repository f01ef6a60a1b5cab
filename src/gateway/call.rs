//! `Call`: all that is known of this request so far; what logs and numbers are made from.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::base::Uuid;
use crate::base::id::RequestId;
use crate::gateway::auth::{Said, User};
use crate::gateway::{Reject, Story, Worker};
use crate::net::outbound::{GroupState, Groups};
use crate::observe::Trace;
use crate::plan::stage::StageKind;
use crate::plan::usage::ApiKey;
use crate::plan::{Params, Route, Stage};
use crate::wire::head::ResponseHead;

#[derive(Debug)]
pub struct Call<'p> {
    /// What HTTP APIs call the request id and REST APIs the extended one.
    pub request_id: RequestId,
    /// Whose rules count; known before the stage is, if only the API could be found.
    pub kind: StageKind,
    /// The request id of a REST API; the client may choose it.
    pub uuid: Option<Uuid>,
    /// The client chose a request id that is none.
    pub is_id_replaced: bool,
    /// None for APIs of the config file.
    pub trace: Option<Trace>,
    /// When it came, milliseconds since 1970; 0 for APIs of the config file.
    pub epoch_ms: u64,
    pub stage: Option<&'p Stage>,
    pub route: Option<&'p Route>,
    pub params: Params,
    /// Bytes of the request path in front of what the router saw.
    pub base: u32,
    /// A custom domain led here: its base path belongs to what events call the path.
    pub by_domain: bool,
    /// What the client got; 0 until it got something.
    pub status: u16,
    pub reject: Option<Reject>,
    /// The stage has a canary; whether it serves this call.
    pub is_canary: Option<bool>,
    /// The client wants a cached answer forgotten, and has a right to.
    pub may_invalidate: bool,
    /// A client wanted a cached answer forgotten and had no right to.
    pub warns_of_cache: bool,
    /// Who has signed the call, where callers have to.
    pub user: Option<Box<User>>,
    /// What an authorizer said of the caller.
    pub authorized: Option<Rc<Said>>,
    /// Answered by the gateway itself for a browser.
    pub is_preflight: bool,
    /// The target that was asked last.
    pub upstream: Option<(Rc<GroupState>, usize)>,
    /// What the upstream answered; 0 when it did not.
    pub integration_status: u16,
    /// What a proxied function answered, itself; 0 when it did not.
    pub function_status: u16,
    /// From asking the upstream to the head of its answer, or to the end of what streams,
    /// microseconds.
    pub integration_us: u64,
    /// Told while it happens; none: nobody listens.
    pub story: Option<Box<Story>>,
    pub(in crate::gateway) rare: Option<Box<Rare<'p>>>,
}

/// What is known of few calls. It reads as if it stood in the call itself, and has memory of its own
/// once something of it is set: thousands of calls may be under way, each of which would lie in more
/// lines of the cache.
#[derive(Debug, Default)]
pub struct Rare<'p> {
    /// Who has signed the wish to have the call explained: as good as a signature of the call.
    pub vouched: Option<Box<User>>,
    /// Why an authorizer said nothing, or what is wrong with a signature, for the log.
    pub authorizer_error: Option<Box<str>>,
    /// The key that a method required.
    pub api_key: Option<&'p ApiKey>,
    /// What a refusal says in the place of its usual message.
    pub said: Option<Box<str>>,
    /// What a refusal is called in the place of the usual name of its type.
    pub exception: Option<&'static str>,
    /// What is wrong with the body, in the words of its validation.
    pub validation_error: Option<Box<str>>,
    /// Of an answer that streams: the same to its head and to the first byte of its payload.
    pub stream_us: Option<(u64, Option<u64>)>,
    /// What went wrong with the integration, for the log.
    pub integration_error: Option<Box<str>>,
    /// The backend's own id of the request, and its second one; only if the log shows them.
    pub endpoint_ids: Option<Box<[Box<[u8]>; 2]>>,
    /// Its upstreams, of a plan that is not published; none: those of the core.
    pub groups: Option<Rc<Groups>>,
}

impl<'p> Rare<'p> {
    const NOTHING: &'p Self = &Self {
        vouched: None,
        authorizer_error: None,
        api_key: None,
        said: None,
        exception: None,
        validation_error: None,
        stream_us: None,
        integration_error: None,
        endpoint_ids: None,
        groups: None,
    };
}

impl<'p> Deref for Call<'p> {
    type Target = Rare<'p>;

    #[inline]
    fn deref(&self) -> &Rare<'p> {
        self.rare.as_deref().unwrap_or(Rare::NOTHING)
    }
}

impl DerefMut for Call<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.rare.get_or_insert_default()
    }
}

impl Call<'_> {
    pub fn new(request_id: RequestId) -> Self {
        Self {
            request_id,
            kind: StageKind::File,
            uuid: None,
            is_id_replaced: false,
            trace: None,
            epoch_ms: 0,
            stage: None,
            route: None,
            params: Params::default(),
            base: 0,
            by_domain: false,
            status: 0,
            reject: None,
            is_canary: None,
            may_invalidate: false,
            warns_of_cache: false,
            user: None,
            authorized: None,
            is_preflight: false,
            upstream: None,
            integration_status: 0,
            function_status: 0,
            integration_us: 0,
            story: None,
            rare: None,
        }
    }
}

/// What `$context.requestId` shows where a client of a REST API sent an id that is no UUID.
const REPLACED_ID: &[u8] = b"UUID_REPLACED_INVALID_REQUEST_ID";

impl Call<'_> {
    /// `$context.requestId`.
    pub fn shown_request_id(&self) -> &[u8] {
        match &self.uuid {
            Some(_) if self.is_id_replaced => REPLACED_ID,
            Some(uuid) => uuid.as_bytes(),
            None => self.request_id.as_bytes(),
        }
    }

    /// Where to tell what happens, if somebody listens.
    #[inline]
    pub fn story(&self) -> Option<&Story> {
        self.story.as_deref()
    }

    /// Keeps the ids that a backend gave to its answer, if the log shows them.
    #[inline]
    pub fn note_endpoint(&mut self, head: &ResponseHead, bytes: &[u8]) {
        if self.stage.is_some_and(|stage| stage.logs_endpoint_ids) {
            self.keep_endpoint_ids(head, bytes);
        }
    }

    /// As `note_endpoint`, of what may have run a function: execution logs show its id, too.
    pub fn note_service(&mut self, head: &ResponseHead, bytes: &[u8]) {
        if self.shows_invocations() {
            self.keep_endpoint_ids(head, bytes);
        }
    }

    fn shows_invocations(&self) -> bool {
        self.story.is_some() || self.stage.is_some_and(|stage| stage.logs_endpoint_ids)
    }

    /// Gives the invocation of a function its id, if a log shows it.
    pub fn note_invocation(&mut self, worker: &Worker) -> Option<Box<str>> {
        if !self.shows_invocations() {
            return None;
        }
        let id = worker.ids.borrow_mut().uuid();
        self.endpoint_ids = Some(Box::new([id.as_bytes().into(), Box::default()]));
        Some(id.as_str().into())
    }

    #[cold]
    fn keep_endpoint_ids(&mut self, head: &ResponseHead, bytes: &[u8]) {
        let first = head.header(bytes, b"x-amzn-requestid");
        let first = first.or_else(|| head.header(bytes, b"x-amz-request-id"));
        let second = head.header(bytes, b"x-amz-id-2");
        let ids = [first, second].map(|id| id.unwrap_or_default().into());
        self.endpoint_ids = Some(Box::new(ids));
    }

    /// What the client is told by this refusal.
    pub fn message(&self, reject: Reject) -> &str {
        match self.kind {
            StageKind::File => reject.message(),
            StageKind::Http => reject.http().1,
            StageKind::Rest => self.said.as_deref().unwrap_or(reject.rest().1),
        }
    }
}
