//! Routes and route keys.

use crate::base::Method;
use crate::model::Throttle;
use crate::model::v2::Integration;

#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub key: RouteKey,
    pub integration: Integration,
    pub throttle: Option<Throttle>,
    /// Larger request bodies get 413; none: no limit.
    pub body_bytes_max: Option<u64>,
}

/// `$default`, `GET /pets/{id}` or `ANY /files/{proxy+}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RouteKey {
    Default,
    Path {
        /// None is `ANY`.
        method: Option<Method>,
        segments: Vec<Segment>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    Literal(String),
    Param(String),
    /// `{name+}`: one or more segments; only in the last place.
    Greedy(String),
}

/// What is wrong with the text of a route key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKeyError {
    pub message: String,
    /// Bytes of the text.
    pub range: std::ops::Range<usize>,
    pub hint: Option<String>,
}

impl RouteKey {
    /// `$default`, or a method and a path with one blank between them.
    pub fn parse(text: &str) -> Result<Self, RouteKeyError> {
        if text == "$default" {
            return Ok(Self::Default);
        }
        let fault = |range, message: &str| RouteKeyError {
            message: message.to_owned(),
            range,
            hint: Some("write \"GET /pets/{id}\", \"ANY /{proxy+}\" or \"$default\"".to_owned()),
        };
        let Some((word, path)) = text.split_once(' ') else {
            return Err(fault(
                0..text.len(),
                "a route key is a method, a blank and a path",
            ));
        };
        let method = match word {
            "ANY" => None,
            _ => match Method::of(word.as_bytes()) {
                Method::Other => return Err(fault(0..word.len(), "unknown method")),
                method => Some(method),
            },
        };
        let Some(rest) = path.strip_prefix('/') else {
            let range = word.len() + 1..text.len();
            return Err(fault(range, "the path of a route key starts with `/`"));
        };
        let segments = match rest {
            "" => Vec::new(),
            _ => rest.split('/').map(Segment::of).collect(),
        };
        Ok(Self::Path { method, segments })
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match inner.map(|name| (name, name.strip_suffix('+'))) {
            None => Self::Literal(text.to_owned()),
            Some((_, Some(name))) => Self::Greedy(name.to_owned()),
            Some((name, None)) => Self::Param(name.to_owned()),
        }
    }
}
