//! What mappings of an HTTP API change of the event that its function gets.
//!
//! A function is told of the request as an HTTP backend would get it: with the headers, the query
//! and the path that the mappings made. Its `requestContext` stays that of the client's request.

use crate::base::ascii;
use crate::gateway::integrate::event::Asked;
use crate::gateway::mapping::{Edits, Form, Scene, changed_query, encode_path, joined};
use crate::lang::mapping::Place;
use crate::plan::Changes;

/// The values, before there is an event to put them in.
#[derive(Debug, Default)]
pub struct Changed<'m> {
    edits: Edits<'m>,
    query: Option<String>,
    path: Option<String>,
}

impl<'m> Changed<'m> {
    pub fn of(scene: &Scene<'_>, changes: &'m Changes) -> Self {
        let (head, bytes) = (scene.exchange.head(), scene.exchange.bytes());
        let mappings = &changes.request;
        let edits = Edits::of(
            mappings,
            |expression| scene.value(expression, Form::Text),
            |name| joined(&head.fields, bytes, name.to_ascii_lowercase().as_bytes()),
        );
        let asks = |wanted: fn(&Place) -> bool| {
            let mut places = mappings.iter();
            places.find(|mapping| wanted(&mapping.target.place))
        };
        let query = asks(|place| matches!(place, Place::Query(_))).map(|_| {
            let own = head.query.map_or(&b""[..], |query| query.of(bytes));
            let value = |expression: &_| scene.value(expression, Form::Text);
            ascii::owned_text(changed_query(own, mappings, value))
        });
        let path = asks(|place| *place == Place::Path)
            .and_then(|mapping| scene.value(&mapping.value, Form::Path))
            .map(|path| {
                let mut out = Vec::with_capacity(path.len() + 1);
                if !path.starts_with(b"/") {
                    out.push(b'/');
                }
                encode_path(&mut out, &path);
                ascii::owned_text(out)
            });
        Self { edits, query, path }
    }

    pub fn apply<'a>(&'a self, asked: &mut Asked<'a>) {
        let replaces = |name: &str| self.edits.replaces(name.as_bytes());
        asked.headers.retain(|(name, _)| !replaces(name));
        for (name, value) in self.edits.fields() {
            asked.headers.push((name, String::from_utf8_lossy(value)));
        }
        if let Some(query) = &self.query {
            asked.query = Some(query);
        }
        asked.mapped_path = self.path.as_deref();
    }
}
