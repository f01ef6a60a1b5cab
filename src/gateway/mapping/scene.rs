//! Where the values of mappings come from: a call, its request, and the backend's answer to it.

use crate::base::{ascii, json};
use crate::gateway::answer::Headers;
use crate::gateway::http::rest_of_path;
use crate::gateway::mapping::in_json::InJson;
use crate::gateway::mapping::query;
use crate::gateway::variable::Facts;
use crate::gateway::{Answer, Call, Worker};
use crate::lang::mapping::{Document, Expression, Pick, Piece, Source};
use crate::net::Exchange;
use crate::wire::head::{Field, ResponseHead};

/// All that a mapping may ask.
pub struct Scene<'a> {
    pub worker: &'a Worker,
    pub call: &'a Call<'a>,
    pub exchange: &'a Exchange<'a>,
    pub body: Body<'a>,
    pub answer: Option<Answered<'a>>,
}

/// A backend's answer.
pub struct Answered<'a> {
    pub status: u16,
    pub fields: Fields<'a>,
    pub body: Body<'a>,
}

pub enum Fields<'a> {
    /// A head, and what it points into.
    Head(&'a ResponseHead, &'a [u8]),
    Whole(&'a Headers),
}

impl<'a> Answered<'a> {
    /// One of which the body is not in memory.
    pub fn head(head: &'a ResponseHead, bytes: &'a [u8]) -> Self {
        Self {
            status: head.status,
            fields: Fields::Head(head, bytes),
            body: Body::of(b""),
        }
    }

    pub fn whole(answer: &'a Answer) -> Self {
        Self {
            status: answer.status,
            fields: Fields::Whole(&answer.headers),
            body: Body::of(&answer.body),
        }
    }

    /// The values of all fields with this name, which is in lower case, joined by commas.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        match self.fields {
            Fields::Head(head, bytes) => joined(&head.fields, bytes, name.as_bytes()),
            Fields::Whole(headers) => {
                let values: Vec<&[u8]> = headers.all(name).collect();
                (!values.is_empty()).then(|| values.join(&b","[..]))
            }
        }
    }
}

/// A body in memory, and what it holds; empty where no mapping asks for it.
pub struct Body<'a> {
    bytes: &'a [u8],
    document: Document,
}

impl<'a> Body<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            document: Document::read(bytes),
        }
    }

    fn value(&self, pick: Option<&Pick>) -> Option<Vec<u8>> {
        match pick {
            None => (!self.bytes.is_empty()).then(|| self.bytes.to_vec()),
            Some(pick) => self.document.find(pick).map(String::into_bytes),
        }
    }
}

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A header or a query: path parameters are decoded.
    Text,
    /// A path: path parameters stay as they came.
    Path,
}

impl Scene<'_> {
    /// The value of an expression; none if there is nothing that it stands for, which is then not
    /// mapped.
    pub fn value(&self, expression: &Expression, form: Form) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        for piece in &expression.pieces {
            match piece {
                Piece::Literal(text) => value.extend_from_slice(text.as_bytes()),
                Piece::Value(source) => {
                    value.extend(self.source(source, form).unwrap_or_default());
                }
            }
        }
        (!value.is_empty()).then_some(value)
    }

    /// The value of a parameter of a first-class integration. Into JSON values are put so that they
    /// cannot end the string that they stand in.
    pub fn parameter(&self, expression: &Expression, is_json: bool) -> Option<Vec<u8>> {
        if !is_json || expression.pieces.len() == 1 {
            return self.value(expression, Form::Text);
        }
        let (mut value, mut place) = (Vec::new(), InJson::default());
        for piece in &expression.pieces {
            match piece {
                Piece::Literal(text) => {
                    place.read(text);
                    value.extend_from_slice(text.as_bytes());
                }
                Piece::Value(source) => {
                    let found = self.source(source, Form::Text).unwrap_or_default();
                    match place.in_string {
                        true => json::escape(&mut value, &String::from_utf8_lossy(&found)),
                        false => value.extend(found),
                    }
                }
            }
        }
        (!value.is_empty()).then_some(value)
    }

    fn source(&self, source: &Source, form: Form) -> Option<Vec<u8>> {
        let (head, bytes) = (self.exchange.head(), self.exchange.bytes());
        let path = || rest_of_path(head.path.of(bytes), self.call.base);
        match source {
            Source::RequestHeader(name) => joined(&head.fields, bytes, name.as_bytes()),
            Source::RequestQuery(name) => query::values(head.query?.of(bytes), name),
            Source::RequestPath => Some(path().to_vec()),
            Source::RequestParameter(name) => {
                let names = &self.call.route?.param_names;
                let index = names.iter().position(|other| other == name)?;
                let raw = self.call.params.get(u8::try_from(index).ok()?, path());
                match form {
                    Form::Path => Some(raw.to_vec()),
                    Form::Text => {
                        let mut text = Vec::with_capacity(raw.len());
                        ascii::percent_decode(&mut text, raw);
                        Some(text)
                    }
                }
            }
            Source::RequestBody(pick) => self.body.value(pick.as_ref()),
            Source::ResponseHeader(name) => self.answer.as_ref()?.header(name),
            Source::ResponseBody(pick) => self.answer.as_ref()?.body.value(pick.as_ref()),
            Source::Context(variable) => {
                let facts = Facts {
                    worker: self.worker,
                    call: self.call,
                    exchange: self.exchange,
                    latency_us: self.worker.core.now_us() - self.exchange.started_us,
                };
                let mut value = Vec::new();
                facts.write(variable, &mut value);
                Some(value)
            }
            // Put in when the plan was compiled.
            Source::StageVariable(_) => None,
        }
    }
}

/// The values of all fields with this name, which is in lower case, joined by commas.
pub fn joined(fields: &[Field], bytes: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let found = fields.iter();
    let mut found = found.filter(|field| ascii::is_lower(field.name.of(bytes), name));
    let mut value = found.next()?.value.of(bytes).to_vec();
    for field in found {
        value.push(b',');
        value.extend_from_slice(field.value.of(bytes));
    }
    Some(value)
}
