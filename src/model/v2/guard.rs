//! `Guard`: who may call a route.

use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guard {
    pub authorization: Authorization,
    /// The region of the API, as ARNs name it.
    pub region: String,
    /// The resource policy of a REST API, a document in JSON; none: it has none.
    pub policy: Option<Arc<str>>,
}

/// What callers have to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Authorization {
    /// Nothing: the resource policy alone decides.
    #[default]
    None,
    /// The signature of an access key (`AWS_IAM`).
    Iam,
}
