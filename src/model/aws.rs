//! Where AWS's services are, as far as it is not AWS itself.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aws {
    /// Of what names none.
    pub region: String,
    /// `http://127.0.0.1:4566`: all services that have none of their own; none: AWS.
    pub endpoint: Option<String>,
    /// By service: `dynamodb`.
    pub endpoints: BTreeMap<String, String>,
    /// Functions that are not of this machine are asked for at the endpoint of `lambda`.
    pub remote_functions: bool,
}

impl Aws {
    /// The URL to ask for a service; none: AWS's own. Some services have several names.
    pub fn endpoint_of<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Option<&str> {
        let mut names = names.into_iter();
        let own = names.find_map(|name| self.endpoints.get(name));
        own.or(self.endpoint.as_ref()).map(String::as_str)
    }
}
