//! A request as events tell of it, and the JSON that events of all formats share.

use std::borrow::Cow;

use crate::base::{ascii, crypto, json};
use crate::gateway::auth::User;
use crate::plan::function::EventFacts;
use crate::rt::tls::ClientCertificate;

/// What a client asked, ready to be told.
#[derive(Debug)]
pub struct Asked<'a> {
    pub facts: &'a EventFacts,
    pub method: &'a str,
    /// The whole path as it came, not decoded.
    pub path: &'a str,
    /// The path behind base path and stage; begins with `/`.
    pub own_path: &'a str,
    /// What a mapping made of the path, if one did.
    pub mapped_path: Option<&'a str>,
    /// A domain led here: what is called the path keeps its base path.
    pub keeps_base: bool,
    /// Without `?`.
    pub query: Option<&'a str>,
    /// In the order in which they came, without those that AWS drops.
    pub headers: Vec<(&'a str, Cow<'a, str>)>,
    /// Names and values of the path parameters, not decoded.
    pub params: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
    /// Whether the body travels in base64.
    pub is_binary: bool,
    pub source_ip: &'a str,
    pub protocol: &'a str,
    /// The host without a port.
    pub domain: &'a str,
    pub request_id: &'a str,
    pub extended_request_id: &'a str,
    /// `22/Nov/2026:12:00:00 +0000`.
    pub time: &'a str,
    pub epoch_ms: u64,
    /// What an authorizer said, as a JSON object.
    pub authorizer: Option<&'a str>,
    /// An authorizer is told of the request, not an integration.
    pub authorizing: Option<Authorizing<'a>>,
    /// Who has signed the call, where callers have to.
    pub user: Option<&'a User>,
    /// What the client has proved to be, where certificates are asked for.
    pub certificate: Option<&'a ClientCertificate>,
}

/// What authorizers are told besides: there is no body for them.
#[derive(Clone, Copy, Debug)]
pub struct Authorizing<'a> {
    /// The ARN of the call.
    pub arn: &'a str,
    /// The values of the identity sources.
    pub identity: &'a [String],
}

impl Asked<'_> {
    /// The last value of a header, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().rev();
        let found = found.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// The first label of the host.
    pub fn domain_prefix(&self) -> &str {
        self.domain.split('.').next().unwrap_or_default()
    }

    /// Names and values of the query in their order, decoded: `+` is a blank.
    pub fn queries(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let parts = self.query.unwrap_or_default().split(['&', ';']);
        let pairs = parts.filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (form_decoded(name), form_decoded(value))
        });
        pairs.collect()
    }
}

fn form_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split('+');
    if let Some(first) = parts.next() {
        ascii::percent_decode(&mut out, first.as_bytes());
    }
    for part in parts {
        out.push(b' ');
        ascii::percent_decode(&mut out, part.as_bytes());
    }
    ascii::owned_text(out).into()
}

/// The values of one name. Hardly any has more than one, which so takes no memory of its own.
#[derive(Debug)]
pub struct Group<'p> {
    pub name: &'p str,
    first: &'p str,
    more: Vec<&'p str>,
}

impl<'p> Group<'p> {
    pub fn values(&self) -> impl Iterator<Item = &'p str> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    pub fn last(&self) -> &'p str {
        self.more.last().unwrap_or(&self.first)
    }
}

/// Groups values by name, in the order in which the names came first.
pub fn grouped<'p>(
    pairs: impl ExactSizeIterator<Item = (&'p str, &'p str)>,
    is_same: impl Fn(&str, &str) -> bool,
) -> Vec<Group<'p>> {
    let mut groups: Vec<Group<'_>> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        match groups.iter_mut().find(|group| is_same(group.name, name)) {
            Some(group) => group.more.push(value),
            None => groups.push(Group {
                name,
                first: value,
                more: Vec::new(),
            }),
        }
    }
    groups
}

/// The member that tells which certificate the client has shown.
pub fn client_cert(members: &mut Members<'_>, shown: &ClientCertificate) {
    members.object("clientCert", |members| {
        members.text("clientCertPem", &shown.pem);
        members.text("issuerDN", &shown.issuer);
        members.text("serialNumber", &shown.serial);
        members.text("subjectDN", &shown.subject);
        members.object("validity", |members| {
            members.text("notAfter", &shown.not_after);
            members.text("notBefore", &shown.not_before);
        });
    });
}

/// Writes a JSON object, member by member, in the order of the calls.
#[derive(Debug)]
pub struct Members<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Members<'o> {
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_first: true,
        }
    }

    pub fn end(self) {
        self.out.push(b'}');
    }

    /// The name of a member; its value is to be appended.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        json::quote(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub fn text(&mut self, name: &str, value: &str) {
        json::quote(self.name(name), value);
    }

    /// Several values as one text, with commas between them.
    pub fn joined<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        let out = self.name(name);
        out.push(b'"');
        for (index, value) in values.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::escape(out, value);
        }
        out.push(b'"');
    }

    pub fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, name: &str, value: &str) {
        self.name(name).extend_from_slice(value.as_bytes());
    }

    pub fn number(&mut self, name: &str, value: u64) {
        self.raw(name, itoa::Buffer::new().format(value));
    }

    pub fn flag(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        let out = self.name(name);
        let mut members = Members::begin(out);
        write(&mut members);
        members.end();
    }

    pub fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        let out = self.name(name);
        out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::quote(out, value);
        }
        out.push(b']');
    }

    /// A body as a text, in base64 if it is binary; what is no UTF-8 in a text is replaced.
    pub fn body(&mut self, name: &str, body: &[u8], is_binary: bool) {
        if is_binary {
            self.text(name, &crypto::base64(body));
        } else {
            self.text(name, &ascii::text(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_once_and_what_is_no_encoding_stays() {
        for (text, expected) in [
            ("a+b", "a b"),
            ("%2B%20", "+ "),
            ("100%", "100%"),
            ("%25", "%"),
            ("%ff", "\u{fffd}"),
            ("", ""),
            ("+", " "),
        ] {
            assert_eq!(form_decoded(text), expected, "{text}");
        }
    }
}
