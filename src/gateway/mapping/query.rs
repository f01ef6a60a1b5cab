//! Query strings taken apart, changed and put together; text for paths and queries, encoded.

use crate::base::ascii;
use crate::lang::mapping::{Action, Expression, Mapping, Place};

/// Name and value of one pair as they stand.
type Pair<'q> = (&'q [u8], Option<&'q [u8]>);

/// The pairs of a query without the empty ones.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let parts = query.split(|byte| *byte == b'&');
    parts.filter(|part| !part.is_empty()).map(|part| {
        match part.iter().position(|byte| *byte == b'=') {
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        }
    })
}

/// The values of a name, decoded and joined by commas; none if it does not occur.
pub fn values(query: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut joined: Option<Vec<u8>> = None;
    for (_, value) in pairs(query).filter(|(other, _)| decoded(other) == name.as_bytes()) {
        let joined = match &mut joined {
            Some(joined) => {
                joined.push(b',');
                joined
            }
            none => none.insert(Vec::new()),
        };
        joined.extend(decoded(value.unwrap_or_default()));
    }
    joined
}

/// What mappings make of a query.
pub fn changed(
    query: &[u8],
    mappings: &[Mapping],
    value: impl Fn(&Expression) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let mut out = query.to_vec();
    for mapping in mappings {
        let Place::Query(name) = &mapping.target.place else {
            continue;
        };
        let value = match mapping.target.action {
            Action::Remove => {
                out = without(&out, name);
                continue;
            }
            _ => value(&mapping.value),
        };
        // What the client says of itself does not stand in for what is not known of it.
        let is_known = value.is_some() || mapping.value.tells_of_caller();
        if mapping.target.action == Action::Overwrite && is_known {
            out = without(&out, name);
        }
        let Some(value) = value else { continue };
        if !out.is_empty() {
            out.push(b'&');
        }
        ascii::percent_encode(&mut out, name.as_bytes(), b"");
        out.push(b'=');
        ascii::percent_encode(&mut out, &value, b"");
    }
    out
}

fn without(query: &[u8], name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(query.len());
    for (other, value) in pairs(query).filter(|(other, _)| decoded(other) != name.as_bytes()) {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(other);
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
    out
}

/// As forms are encoded: `+` is a blank.
fn decoded(text: &[u8]) -> Vec<u8> {
    let blanks = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let text: Vec<u8> = text.iter().map(blanks).collect();
    let mut out = Vec::with_capacity(text.len());
    ascii::percent_decode(&mut out, &text);
    out
}

/// Appends `text` as a path: what cannot stand in one is encoded, what is encoded stays.
pub fn encode_path(out: &mut Vec<u8>, text: &[u8]) {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'%' if ascii::percent_byte(&text[at..]).is_some() => out.push(b'%'),
            _ => ascii::percent_encode(out, &[*byte], IN_PATHS),
        }
    }
}

/// RFC 3986 section 3.3: what pchar has beside the unreserved ones, and the slash.
const IN_PATHS: &[u8] = b"/!$&'()*+,;=:@";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lang::mapping::{Piece, Side, parse_all};

    #[test]
    fn values_of_a_name_are_decoded_and_joined() {
        let check = |query: &str, name, expected: Option<&str>| {
            let found = values(query.as_bytes(), name);
            let found = found.map(|found| String::from_utf8_lossy(&found).into_owned());
            assert_eq!(found.as_deref(), expected, "{query} {name}");
        };
        check("a=1&b=2&a=x%20y+z", "a", Some("1,x y z"));
        check("%61=1", "a", Some("1"));
        check("a", "a", Some(""));
        check("a=&a=2", "a", Some(",2"));
        check("&&A=1", "a", None);
        check("", "a", None);
    }

    #[test]
    fn pairs_are_removed_replaced_and_added() {
        let check = |query: &str, mappings: &[(&str, &str)], expected: &str| {
            let mappings = parse_all(mappings.iter().copied(), Side::Request).unwrap();
            let changed = changed(query.as_bytes(), &mappings, |expression| {
                let Piece::Literal(text) = expression.pieces.first()? else {
                    return None;
                };
                Some(text.as_bytes().to_vec())
            });
            assert_eq!(String::from_utf8_lossy(&changed), expected, "{query}");
        };
        check("a=1&b", &[], "a=1&b");
        check("a=1&b&%61=2", &[("remove:querystring.a", "''")], "b");
        check(
            "a=1&a=2&b=%20",
            &[("overwrite:querystring.a", "x y&z")],
            "b=%20&a=x%20y%26z",
        );
        check("", &[("append:querystring.ä b", "1")], "%C3%A4%20b=1");
        check("a=1", &[("append:querystring.a", "2")], "a=1&a=2");
        check("a=1", &[("append:querystring.a", "")], "a=1");
        let unknown = [("overwrite:querystring.a", "$context.authorizer.user")];
        check("a=1&b", &unknown, "b");
        let absent = [("overwrite:querystring.a", "$request.header.x")];
        check("a=1&b", &absent, "a=1&b");
        let all = [
            ("append:querystring.a", "3"),
            ("overwrite:querystring.a", "2"),
            ("remove:querystring.b", "''"),
        ];
        check("a=1&b=1&c=1", &all, "c=1&a=2&a=3");
    }

    #[test]
    fn a_path_stays_one() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            encode_path(&mut out, text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check("/a/b;c=d,e", "/a/b;c=d,e");
        check("/a b?c#d", "/a%20b%3Fc%23d");
        check("/a%20b%zz%", "/a%20b%25zz%25");
        check("/\r\nEvil: 1", "/%0D%0AEvil:%201");
    }
}
