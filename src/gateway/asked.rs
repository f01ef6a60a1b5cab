//! `Asked`: a request as mappings, validators and templates see it, wherever it came from.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::base::ascii;
use crate::gateway::Call;
use crate::gateway::headers::HIDDEN;
use crate::gateway::http::rest_of_path;
use crate::net::Exchange;
use crate::rt::tls::ClientCertificate;
use crate::wire::head::{Field, Name, RequestHead, Version};

#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub head: &'a RequestHead,
    /// What `head` points into.
    pub bytes: &'a [u8],
    /// Empty unless the route needs it.
    pub body: &'a [u8],
    /// None: a test, whose address AWS calls `test-invoke-source-ip`.
    pub peer: Option<IpAddr>,
    /// What the client has proved to be, where certificates are asked for.
    pub certificate: Option<&'a ClientCertificate>,
}

impl<'a> Asked<'a> {
    /// The request of an exchange, with its body if that has been gathered.
    pub fn of(exchange: &'a Exchange<'_>, body: &'a [u8]) -> Self {
        Self {
            head: exchange.head(),
            bytes: exchange.bytes(),
            body,
            peer: Some(exchange.client.peer.ip()).filter(|ip| !ip.is_unspecified()),
            certificate: exchange.client.stream.client_certificate(),
        }
    }

    /// As it came: `GET`.
    pub fn verb(&self) -> &'a str {
        std::str::from_utf8(self.head.method_token.of(self.bytes)).unwrap_or_default()
    }

    /// The text of every header of this name, in this case: AWS's mappings tell cases apart.
    pub fn headers<'n>(&self, name: &'n str) -> impl DoubleEndedIterator<Item = Cow<'a, str>> + 'n
    where
        'a: 'n,
    {
        let (head, bytes) = (self.head, self.bytes);
        let is_it =
            move |field: &&Field| !is_hidden(field.id) && field.name.of(bytes) == name.as_bytes();
        let found = head.fields.iter().filter(is_it);
        found.map(move |field| ascii::text(field.value.of(bytes)))
    }

    /// Names and values of all headers that are not hidden from an API's author.
    pub fn all_headers(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let (head, bytes) = (self.head, self.bytes);
        let shown = head.fields.iter().filter(|field| !is_hidden(field.id));
        shown.map(move |field| {
            let name = ascii::text(field.name.of(bytes));
            (name, ascii::text(field.value.of(bytes)))
        })
    }

    /// Decoded names and values of the query, in their order.
    pub fn queries(&self) -> Vec<(String, String)> {
        let query = self.head.query.map(|query| query.of(self.bytes));
        let pairs = query.unwrap_or_default();
        let pairs = pairs.split(|byte| matches!(byte, b'&' | b';'));
        let pairs = pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            (ascii::form_decoded(name), ascii::form_decoded(value))
        });
        pairs.collect()
    }

    /// The raw text of a path parameter.
    pub fn path_parameter(&self, call: &Call<'_>, name: &str) -> Option<Cow<'a, str>> {
        let names = &call.route?.param_names;
        let index = names.iter().position(|other| &**other == name)?;
        let path = rest_of_path(self.head.path.of(self.bytes), call.base);
        let value = call.params.get(u8::try_from(index).ok()?, path);
        Some(ascii::text(value))
    }

    /// The media type of the body, in lower case and without parameters; JSON where none is said.
    pub fn content_type(&self) -> Cow<'a, str> {
        let said = self.head.field(self.bytes, Name::ContentType);
        media_type(said).unwrap_or(Cow::Borrowed("application/json"))
    }

    /// The first media type that the client accepts.
    pub fn accept(&self) -> Option<Cow<'a, str>> {
        let said = self.head.field(self.bytes, Name::Accept)?;
        media_type(said.split(|byte| *byte == b',').next())
    }

    pub fn host(&self) -> Cow<'a, str> {
        ascii::text(host_name(self.head.host.of(self.bytes)))
    }

    pub fn protocol(&self) -> &'static str {
        match self.head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

/// The value of `Host` without a port.
pub fn host_name(host: &[u8]) -> &[u8] {
    let host = ascii::trim(host);
    match host.iter().rposition(|byte| *byte == b':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
        _ => host,
    }
}

/// Without parameters, in lower case.
pub fn media_type(said: Option<&[u8]>) -> Option<Cow<'_, str>> {
    let bare = said?.split(|byte| *byte == b';').next()?;
    let bare = ascii::text(ascii::trim(bare));
    let has_capitals = bare.bytes().any(|byte| byte.is_ascii_uppercase());
    match (bare.is_empty(), has_capitals) {
        (true, _) => None,
        (false, false) => Some(bare),
        (false, true) => Some(Cow::Owned(bare.to_ascii_lowercase())),
    }
}

/// Whether AWS hides a header from mappings and templates.
fn is_hidden(name: Name) -> bool {
    HIDDEN.has(name)
}
