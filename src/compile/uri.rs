//! Integration URIs: stage variables put in, then taken apart and checked.
//!
//! ```text
//!  https://${stageVariables.backend}/v2/{proxy}?page={page}     as written
//!  https://pets/v2/{proxy}?page={page}                          expanded for one stage
//!  https  pets  "/v2/" Param(0)  "page=" Param(1)               read
//! ```
//!
//! A variable may hold anything that a URI is made of, the host included, so every check is made
//! on the expanded text; faults point into the text as written.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::base::ascii;
use crate::compile::name;
use crate::compile::problem::{Fault, suggest};
use crate::model::rest::Identity;
use crate::model::v2::{RouteKey, Segment, Stage};
use crate::plan::Piece;

/// An integration URI, read for one route and one stage.
#[derive(Debug, PartialEq)]
pub(in crate::compile) struct Uri {
    pub tls: bool,
    pub authority: Authority,
    /// Renders to text that begins with `/`.
    pub path: Vec<Piece>,
    pub query: Vec<Piece>,
}

/// `host[:port]`, or the name of an upstream.
#[derive(Debug, PartialEq)]
pub(in crate::compile) struct Authority {
    /// As written, variables put in.
    pub text: String,
    /// Without brackets around an IPv6 address.
    pub host: String,
    pub port: Option<u16>,
    /// The upstream to ask in the place of the host, if a VPC link leads there.
    pub via: Option<String>,
    /// How to show the other side who asks.
    pub identity: Option<Identity>,
    /// The name that the other side has to prove, in the place of its host.
    pub server_name: Option<String>,
    /// Whoever signed the certificate of the other side is believed.
    pub trusts_any_authority: bool,
    /// Where it stands in the URI as written.
    pub within: Range<usize>,
}

/// Reads `written` for the parameters of `key` and the variables of `stage`; all faults at once.
pub(in crate::compile) fn read(
    written: &str,
    key: &RouteKey,
    stage: &Stage,
) -> Result<Uri, Vec<Fault>> {
    let expanded = expand(written, stage)?;
    let mut reader = Reader {
        text: &expanded.text,
        key,
        faults: Vec::new(),
    };
    let uri = reader.uri();
    match (uri, reader.faults) {
        (Some(mut uri), faults) if faults.is_empty() => {
            uri.authority.within = expanded.origin(uri.authority.within);
            let settings = stage.rest.as_deref();
            uri.authority.identity = settings
                .and_then(|settings| settings.client_certificate.clone())
                .filter(|_| uri.tls);
            Ok(uri)
        }
        (_, faults) => Err(faults
            .into_iter()
            .map(|fault| expanded.blame(fault, stage))
            .collect()),
    }
}

/// A URI with its variables put in.
struct Expanded {
    text: String,
    /// Where the values lie in `text`, and what stands for them in the URI as written.
    values: Vec<(Range<usize>, Range<usize>)>,
}

const VARIABLE: &str = "${stageVariables.";

fn expand(written: &str, stage: &Stage) -> Result<Expanded, Vec<Fault>> {
    let (mut text, mut values, mut faults) = (String::new(), Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(found) = written[at..].find("${") {
        let start = at + found;
        text.push_str(&written[at..start]);
        let rest = &written[start..];
        let Some(close) = rest.find('}') else {
            let fault = Fault::new("this `${` is never closed").within(start..start + 2);
            faults.push(fault.hint("write `${stageVariables.name}`"));
            at = written.len();
            break;
        };
        let end = start + close + 1;
        match value(&rest[..=close], start, stage) {
            Ok(value) => {
                values.push((text.len()..text.len() + value.len(), start..end));
                text.push_str(value);
            }
            Err(fault) => faults.push(fault),
        }
        at = end;
    }
    text.push_str(&written[at..]);
    match faults.is_empty() {
        true => Ok(Expanded { text, values }),
        false => Err(faults),
    }
}

/// What stands for `${stageVariables.name}` in this stage.
fn value<'s>(variable: &str, start: usize, stage: &'s Stage) -> Result<&'s str, Fault> {
    let whole = start..start + variable.len();
    let Some(name) = variable.strip_prefix(VARIABLE) else {
        return Err(
            Fault::new(format!("`{variable}` is nothing that a URI may hold"))
                .within(whole)
                .hint("write `${stageVariables.name}` or `{parameter}`"),
        );
    };
    let name = name.strip_suffix('}').unwrap_or(name);
    let name_start = start + VARIABLE.len();
    let within = name_start..name_start + name.len();
    let Some(value) = stage.variables.get(name) else {
        let message = format!("stage `{}` has no variable `{name}`", stage.name);
        let names = stage.variables.keys().map(String::as_str);
        let hint = suggest(name, names, str::to_owned)
            .unwrap_or_else(|| format!("add `{name}` to the variables of the stage"));
        return Err(Fault::new(message).within(within).hint(hint));
    };
    // A parameter is chosen by the client: where it goes must be seen in the URI itself.
    match value.contains(['{', '}', '$']) {
        true => Err(Fault::new(format!(
            "the variable `{name}` of stage `{}` holds `{}`",
            stage.name,
            value.escape_debug()
        ))
        .within(within)
        .hint("parameters and variables stand in the URI itself, not in a variable")),
        false => Ok(value),
    }
}

impl Expanded {
    /// The bytes of the URI as written behind these bytes of the expanded text.
    fn origin(&self, range: Range<usize>) -> Range<usize> {
        let start = self.origin_of(range.start, |origin| origin.start);
        let end = match range.is_empty() {
            true => start,
            false => self.origin_of(range.end - 1, |origin| origin.end - 1) + 1,
        };
        start..end.max(start)
    }

    fn origin_of(&self, at: usize, edge: impl Fn(&Range<usize>) -> usize) -> usize {
        let (mut text_end, mut written_end) = (0, 0);
        for (value, origin) in &self.values {
            if at < value.start {
                break;
            }
            if at < value.end {
                return edge(origin);
            }
            (text_end, written_end) = (value.end, origin.end);
        }
        at - text_end + written_end
    }

    /// The fault as seen from the URI as written; which stage it is about matters only if the
    /// stages differ.
    fn blame(&self, fault: Fault, stage: &Stage) -> Fault {
        Fault {
            within: fault.within.map(|range| self.origin(range)),
            message: match self.values.is_empty() {
                true => fault.message,
                false => format!("in stage `{}`: {}", stage.name, fault.message),
            },
            hint: fault.hint,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    key: &'a RouteKey,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn uri(&mut self) -> Option<Uri> {
        let text = self.text;
        let scheme = |name: &str| {
            let head = text.get(..name.len())?;
            head.eq_ignore_ascii_case(name).then_some(name.len())
        };
        let Some(start) = scheme("http://").or(scheme("https://")) else {
            let scheme = text.find("://").map_or(0..text.len(), |at| 0..at + 3);
            let fault = Fault::new("a URI begins with `http://` or `https://`").within(scheme);
            self.faults.push(match text.contains("://") {
                true => fault,
                false => fault.hint(format!("write `http://{}`", text.trim_start_matches('/'))),
            });
            return None;
        };
        let end_of = |from: usize, marks: &[char]| {
            let found = text[from..].find(marks);
            found.map_or(text.len(), |at| from + at)
        };
        let path_start = end_of(start, &['/', '?', '#']);
        let query_start = end_of(path_start, &['?', '#']);
        let end = end_of(query_start, &['#']);
        if end < text.len() {
            let fault = Fault::new("a fragment is never sent to a server").within(end..text.len());
            self.faults
                .push(fault.hint("leave it out; a `#` in a path is `%23`"));
        }
        let authority = authority(text, start..path_start)
            .map_err(|fault| self.faults.push(fault))
            .ok();
        let mut path = self.pieces(path_start..query_start);
        // `host|upstream|` asks with the whole path behind that of the URI.
        if text[start..path_start].matches(VIA).count() > 1 {
            append_path(&mut path);
        }
        if path.is_empty() {
            path.push(Piece::Literal(b"/"[..].into()));
        }
        let query = self.pieces((query_start + 1).min(end)..end);
        // `$default` passes the whole path to the integration, unless its URI says where it goes.
        let places_path = |pieces: &[Piece]| pieces.contains(&Piece::Path);
        if *self.key == RouteKey::Default && !places_path(&path) && !places_path(&query) {
            append_path(&mut path);
        }
        Some(Uri {
            tls: start == "https://".len(),
            authority: authority?,
            path,
            query,
        })
    }

    /// Literals and parameters of a path or query.
    fn pieces(&mut self, range: Range<usize>) -> Vec<Piece> {
        let text = &self.text[..range.end];
        let (mut pieces, mut literal, mut at) = (Vec::new(), range.start, range.start);
        let push = |pieces: &mut Vec<Piece>, literal: &str| {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.as_bytes().into()));
            }
        };
        let mut strange = None;
        loop {
            at += plain(&text.as_bytes()[at..]);
            let Some(first) = text[at..].chars().next() else {
                break;
            };
            if first != '{' {
                strange = strange.or_else(|| strange_at(text, at, first));
                at += first.len_utf8();
                continue;
            }
            push(&mut pieces, &text[literal..at]);
            let Some(close) = text[at..].find('}') else {
                let fault = Fault::new("this `{` is never closed").within(at..at + 1);
                self.faults.push(fault.hint("write `{name}`"));
                break;
            };
            let end = at + close + 1;
            match self.parameter(&text[at + 1..end - 1]) {
                Ok(piece) => pieces.push(piece),
                Err(fault) => self.faults.push(fault.within(at..end)),
            }
            (at, literal) = (end, end);
        }
        self.faults.extend(strange);
        push(&mut pieces, &text[literal..at]);
        pieces
    }

    /// What `{written}` stands for: a parameter of the route, and for `$default` the whole path.
    fn parameter(&self, written: &str) -> Result<Piece, Fault> {
        let name = written.strip_suffix('+').unwrap_or(written);
        let is_greedy = name.len() < written.len();
        let RouteKey::Path { segments, .. } = self.key else {
            return match name {
                "proxy" => Ok(Piece::Path),
                _ => Err(Fault::new(format!("`$default` has no parameter `{name}`"))
                    .hint("`{proxy}` is the whole path")),
            };
        };
        let params = segments
            .iter()
            .filter(|segment| segment.param_name().is_some());
        let found = params
            .clone()
            .zip(0_u8..)
            .find(|(segment, _)| segment.param_name() == Some(name));
        let Some((segment, index)) = found else {
            let names = params.filter_map(Segment::param_name);
            let fault = Fault::new(format!("`{}` has no parameter `{name}`", self.key));
            return Err(match suggest(name, names, |name| format!("{{{name}}}")) {
                Some(hint) => fault.hint(hint),
                None => fault.hint(format!("put `{{{name}}}` into the route key")),
            });
        };
        match (is_greedy, segment) {
            (true, Segment::Param(_)) => Err(Fault::new(format!("`{name}` takes one segment"))
                .hint(format!("write `{{{name}}}`"))),
            _ => Ok(Piece::Param(index)),
        }
    }
}

/// The whole path of the request behind that of the URI, with one slash between them.
fn append_path(path: &mut Vec<Piece>) {
    if let Some(Piece::Literal(last)) = path.last_mut()
        && last.last() != Some(&b'/')
    {
        *last = [last, &b"/"[..]].concat().into();
    }
    path.push(Piece::Path);
}

// RFC 3986 section 3.3 and 3.4: pchar, `/` and `?`; brackets are common in queries.
const PLAIN: [bool; 256] = ascii::letters_digits_and(b"-._~!$&'()*+,;=:@/?[]");

/// How many bytes at the start stand for themselves.
fn plain(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| !PLAIN[usize::from(*byte)]);
    end.unwrap_or(text.len())
}

/// The fault of a character that cannot stand in a path or query as it is.
fn strange_at(text: &str, at: usize, found: char) -> Option<Fault> {
    let place = at..at + found.len_utf8();
    if found == '%' {
        let pair = text.as_bytes().get(at + 1..at + 3);
        let fine = pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let fault = Fault::new("`%` needs two hexadecimal digits behind it").within(place);
        return (!fine).then(|| fault.hint("a percent sign itself is `%25`"));
    }
    if found == '}' {
        return Some(Fault::new("this `}` closes nothing").within(place));
    }
    let mut encoded = String::new();
    for byte in found.encode_utf8(&mut [0; 4]).bytes() {
        encoded.push_str(&format!("%{byte:02X}"));
    }
    let fault = Fault::new(format!("{found:?} cannot stand in a URI")).within(place);
    Some(match found.is_control() {
        true => fault,
        false => fault.hint(format!("write it percent-encoded: `{encoded}`")),
    })
}

/// Stands between a host and the upstream that is asked for it. Nobody writes it: integrations over
/// VPC links are given it when they are published.
const VIA: char = '|';

/// `host`, `host|upstream` or `|upstream`, the last for the host that the client asked for; behind
/// another bar stands the name that the upstream has to prove.
fn authority(text: &str, range: Range<usize>) -> Result<Authority, Fault> {
    let whole = &text[range.clone()];
    let Some((host, via)) = whole.split_once(VIA) else {
        return host_and_port(text, range);
    };
    let (via, server_name) = via.split_once(VIA).unwrap_or((via, ""));
    let via = Some(via.to_owned());
    let server_name = server_name.trim_end_matches(VIA);
    let server_name = (!server_name.is_empty()).then(|| server_name.to_owned());
    if host.is_empty() {
        return Ok(Authority {
            text: String::new(),
            host: String::new(),
            port: None,
            via,
            identity: None,
            server_name,
            trusts_any_authority: false,
            within: range,
        });
    }
    let end = range.start + host.len();
    let own = host_and_port(text, range.start..end)?;
    Ok(Authority {
        via,
        server_name,
        ..own
    })
}

fn host_and_port(text: &str, range: Range<usize>) -> Result<Authority, Fault> {
    let written = &text[range.clone()];
    let part = |within: Range<usize>| range.start + within.start..range.start + within.end;
    if written.is_empty() {
        let hint = "behind `//` stands the name of an upstream or a host";
        return Err(Fault::new("this URI names no host")
            .within(0..text.len())
            .hint(hint));
    }
    if written.contains('{') {
        return Err(Fault::new("a parameter cannot choose the host")
            .within(range.clone())
            .hint("clients choose parameters; `${stageVariables.name}` is yours"));
    }
    if let Some(at) = written.rfind('@') {
        return Err(Fault::new("user and password cannot stand in a URI").within(part(0..at + 1)));
    }
    if written.parse::<Ipv6Addr>().is_ok() {
        return Err(Fault::new("an IPv6 address stands in brackets")
            .within(range.clone())
            .hint(format!("write `[{written}]`")));
    }
    let behind = written.find(']').unwrap_or(0);
    let (host, port) = match written[behind..].find(':') {
        Some(colon) => written.split_at(behind + colon),
        None => (written, ""),
    };
    name::check_host(host).map_err(|fault| {
        let within = fault.within.clone().unwrap_or(0..host.len());
        fault.within(part(within))
    })?;
    let port = match port.strip_prefix(':') {
        None => None,
        Some(digits) => Some(self::port(digits).ok_or_else(|| {
            Fault::new(format!("`{}` is not a port", digits.escape_debug()))
                .within(part(host.len() + 1..written.len()))
                .hint("ports are numbers from 1 to 65535")
        })?),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Authority {
        text: written.to_owned(),
        host: bare.to_owned(),
        port,
        via: None,
        identity: None,
        server_name: None,
        trusts_any_authority: false,
        within: range,
    })
}

fn port(digits: &str) -> Option<u16> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| *port != 0);
    port.filter(|_| plain)
}
