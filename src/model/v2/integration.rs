//! What a route does with a request.

#[derive(Clone, Debug, PartialEq)]
pub enum Integration {
    HttpProxy {
        /// `http://host/path?query` or `https://…` with `{param}`, `{proxy}` and `${stageVariables.x}`.
        uri: String,
        /// The method to ask with; none: the client's own.
        method: Option<String>,
        timeout_ms: u32,
    },
    Mock {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// What this version cannot do: every call is refused, none is let through.
    Unserved {
        /// 501 for work that is not done; 403 or 500 where a caller would have to be let in.
        status: u16,
        /// A sentence for the client and the log.
        what: String,
    },
}
