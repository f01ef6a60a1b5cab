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
}
