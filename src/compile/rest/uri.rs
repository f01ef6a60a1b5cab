//! URIs of integrations: `{name}` stands for `integration.request.path.name`.

use crate::compile::problem::Fault;
use crate::compile::uri::{self, Uri};
use crate::lang::params::{Part, Source};
use crate::model::v2::{RouteKey, Segment, Stage};
use crate::plan::rest::UriPart;
use crate::plan::{Piece, Pieces};

/// A URI of which the parameters are not yet known.
pub struct Read {
    pub uri: Uri,
    names: Vec<String>,
}

/// Reads a URI for one stage; its parameters may have any name.
pub fn read(written: &str, stage: &Stage) -> Result<Read, Vec<Fault>> {
    let names = names(written);
    let segments = names.iter().map(|name| Segment::Greedy(name.clone()));
    let key = RouteKey::Path {
        method: None,
        segments: segments.collect(),
    };
    let uri = uri::read(written, &key, stage)?;
    Ok(Read { uri, names })
}

/// The names in braces, those of stage variables left out.
fn names(written: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), written);
    while let Some(at) = rest.find('{') {
        let is_variable = rest[..at].ends_with('$');
        rest = &rest[at + 1..];
        let Some(end) = rest.find('}') else { break };
        let name = rest[..end].trim_end_matches('+').to_owned();
        if !is_variable && !found.contains(&name) {
            found.push(name);
        }
        rest = &rest[end + 1..];
    }
    found
}

impl Read {
    /// The parts of path or query. A name without a mapping is that of the method's own parameter.
    ///
    /// # Errors
    /// A name that means nothing.
    pub fn parts(
        &self,
        pieces: &[Piece],
        key: &RouteKey,
        mapped: &[(Box<str>, Source)],
    ) -> Result<Box<[UriPart]>, Fault> {
        let part = |piece: &Piece| match piece {
            Piece::Literal(text) => Ok(UriPart::Literal(text.clone())),
            Piece::Param(index) => {
                let name = self.names.get(usize::from(*index));
                let name = name.map_or("", String::as_str);
                let source = self.value(name, key, mapped)?;
                Ok(UriPart::Value {
                    name: name.into(),
                    source,
                })
            }
            Piece::Path => Err(Fault::new("a URI has no place for the whole path")),
        };
        pieces.iter().map(part).collect()
    }

    fn value(
        &self,
        name: &str,
        key: &RouteKey,
        mapped: &[(Box<str>, Source)],
    ) -> Result<Source, Fault> {
        if let Some((_, source)) = mapped.iter().find(|(other, _)| **other == *name) {
            return Ok(source.clone());
        }
        if key.param_names().any(|other| other == name) {
            return Ok(Source::Request(Part::Path(name.into())));
        }
        Err(Fault::new(format!(
            "nothing is mapped to integration.request.path.{name}"
        )))
    }
}

/// The same parts in the terms of the router, if they need nothing but the path of the request.
pub fn pieces(parts: &[UriPart], key: &RouteKey) -> Option<Pieces> {
    let piece = |part: &UriPart| match part {
        UriPart::Literal(text) => Some(Piece::Literal(text.clone())),
        UriPart::Value {
            source: Source::Request(Part::Path(name)),
            ..
        } => {
            let index = key.param_names().position(|other| *other == **name)?;
            Some(Piece::Param(u8::try_from(index).ok()?))
        }
        UriPart::Value { .. } => None,
    };
    let pieces: Option<Vec<Piece>> = parts.iter().map(piece).collect();
    Some(pieces?.as_slice().into())
}
