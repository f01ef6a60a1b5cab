//! First-class integrations of HTTP APIs: actions of AWS's services that an integration names by
//! its `IntegrationSubtype`, and what of a request becomes their parameters.
//!
//! Which there are is data (`table`); all else is the same for all of them. Source: "Integration
//! subtype reference" of the developer guide, and the references of the services.

mod fit;
mod request;
mod table;

pub use request::{Request, Unfit};
pub use table::SUBTYPES;

/// One action of a service.
#[derive(Debug, PartialEq, Eq)]
pub struct Subtype {
    /// `SQS-SendMessage`.
    pub name: &'static str,
    /// What stands before the region in the name of the service's host.
    pub service: &'static str,
    pub protocol: Protocol,
    /// All but `Region`, which each of them has.
    pub parameters: &'static [Parameter],
}

/// How the action is put.
#[derive(Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON: the action is a header, its parameters are members of a JSON object.
    Json {
        target: &'static str,
        /// `1.0` or `1.1`.
        version: &'static str,
        /// The action takes a list of such objects, under this name; ours has one.
        list: Option<&'static str>,
    },
    /// AWS query: a form that names the action. It goes to the path of the queue's URL.
    Query {
        action: &'static str,
        version: &'static str,
    },
    /// A GET of a path with parameters in braces; those that are not there are the query.
    Path(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What `RequestParameters` call it.
    pub name: &'static str,
    /// What the service calls it.
    pub member: &'static str,
    pub kind: Kind,
    pub is_required: bool,
}

/// What its text has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    /// Seconds since 1970, or a moment as in RFC 3339.
    Time,
    /// Anything; the service gets it in base64.
    Bytes,
    /// A JSON array of texts, or texts with commas between them.
    Texts,
    /// A JSON object: by name an object with `DataType` and `StringValue` or `BinaryValue`.
    Attributes,
}

/// The parameter of all subtypes that says where the service is.
pub const REGION: &str = "Region";

impl Subtype {
    pub fn named(name: &str) -> Option<&'static Self> {
        SUBTYPES.iter().find(|subtype| subtype.name == name)
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }
}

impl Kind {
    /// Whether values are put into JSON.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Texts | Self::Attributes)
    }

    /// Whether a text can be one.
    pub fn fits(self, text: &[u8]) -> bool {
        fit::fit(self, text).is_some()
    }
}
