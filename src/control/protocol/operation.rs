//! What a row of the tables is: an operation, and the shapes of what goes in and comes out.

use std::sync::LazyLock;

use crate::control::protocol::table;

/// The services whose tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceName {
    /// `apigateway`: REST APIs.
    Rest,
    /// `apigatewayv2`: HTTP and WebSocket APIs.
    V2,
}

impl ServiceName {
    pub fn text(self) -> &'static str {
        match self {
            Self::Rest => "apigateway",
            Self::V2 => "apigatewayv2",
        }
    }

    /// The table of this service, read once.
    pub fn service(self) -> &'static Service {
        static REST: LazyLock<Service> =
            LazyLock::new(|| table::read(ServiceName::Rest, include_str!("apigateway.json")));
        static V2: LazyLock<Service> =
            LazyLock::new(|| table::read(ServiceName::V2, include_str!("apigatewayv2.json")));
        match self {
            Self::Rest => &REST,
            Self::V2 => &V2,
        }
    }
}

/// All operations of one service.
#[derive(Debug)]
pub struct Service {
    pub name: ServiceName,
    /// Those with more literal segments first, so that the first match is the closest.
    pub operations: Vec<Operation>,
    pub shapes: Vec<Shape>,
}

impl Service {
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|row| row.name == name)
    }

    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }
}

/// Index in `Service::shapes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeId(pub usize);

#[derive(Debug)]
pub struct Operation {
    /// As AWS writes it: `CreateRestApi`.
    pub name: String,
    pub method: String,
    pub uri: String,
    pub segments: Vec<UriSegment>,
    /// What the query must hold for this row, as in `/restapis?mode=import`.
    pub query: Option<(String, String)>,
    pub status: u16,
    pub input: Option<ShapeId>,
    pub output: Option<ShapeId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriSegment {
    Literal(String),
    /// A member by the name it has in the URI.
    Label(String),
}

#[derive(Debug)]
pub enum Shape {
    Structure {
        members: Vec<Member>,
        /// The member that is the whole body, by its key.
        payload: Option<String>,
    },
    List(ShapeId),
    Map(ShapeId),
    Scalar(Scalar),
}

#[derive(Debug)]
pub struct Member {
    /// The name that operations use: AWS's with a small first letter, `apiId`.
    pub key: String,
    /// The name in the body, the query, the URI or the headers.
    pub wire: String,
    pub place: Place,
    pub shape: ShapeId,
    pub is_required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Body,
    Uri,
    Query,
    Header,
}

#[derive(Debug)]
pub struct Scalar {
    pub kind: ScalarKind,
    /// The values there are; empty: any.
    pub values: Vec<String>,
    pub pattern: Option<String>,
    /// Of the length of a text, of the value of a number.
    pub min: Option<i64>,
    pub max: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    Text,
    Flag,
    Integer,
    Number,
    Blob,
    /// Seconds since 1970.
    EpochDate,
    /// ISO 8601.
    IsoDate,
}
