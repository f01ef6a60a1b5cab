//! Header fields that are taken out, replaced or added.

use crate::base::ascii;
use crate::lang::mapping::{Action, Expression, Mapping, Place};
use crate::wire::h1::encode;

/// What becomes of the fields of some names; all others stay.
#[derive(Debug, Default)]
pub struct Edits<'m>(Vec<Edit<'m>>);

#[derive(Debug)]
struct Edit<'m> {
    name: &'m str,
    /// None: there is no such field any more.
    value: Option<Vec<u8>>,
    /// The field stands beside those that are there.
    is_beside: bool,
}

impl<'m> Edits<'m> {
    /// What the mappings make of the headers of a message. `value` runs an expression, none being
    /// that there is nothing to map; `present` is the value of a header as it came.
    pub fn of(
        mappings: &'m [Mapping],
        value: impl Fn(&Expression) -> Option<Vec<u8>>,
        present: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Self {
        let mut edits = Self::default();
        for mapping in mappings {
            let Place::Header(name) = &mapping.target.place else {
                continue;
            };
            match mapping.target.action {
                Action::Remove => edits.set(name, None),
                Action::Overwrite => match value(&mapping.value) {
                    Some(value) => edits.set(name, Some(clean(value))),
                    // What the client says of itself does not stand in for it.
                    None if mapping.value.tells_of_caller() => edits.set(name, None),
                    None => {}
                },
                Action::Append => {
                    if let Some(value) = value(&mapping.value) {
                        edits.append(name, clean(value), &present);
                    }
                }
            }
        }
        edits
    }

    fn set(&mut self, name: &'m str, value: Option<Vec<u8>>) {
        self.0.retain(|edit| !edit.name.eq_ignore_ascii_case(name));
        self.0.push(Edit {
            name,
            value,
            is_beside: false,
        });
    }

    /// AWS: "API Gateway combines multiple header values with commas."
    fn append(
        &mut self,
        name: &'m str,
        value: Vec<u8>,
        present: &impl Fn(&str) -> Option<Vec<u8>>,
    ) {
        // The one header whose values cannot be joined (RFC 9110 section 5.3).
        if name.eq_ignore_ascii_case("set-cookie") {
            self.0.push(Edit {
                name,
                value: Some(value),
                is_beside: true,
            });
            return;
        }
        let mut edits = self.0.iter();
        let edited = edits.find(|edit| edit.name.eq_ignore_ascii_case(name));
        let before = match edited {
            Some(edit) => edit.value.clone(),
            None => present(name),
        };
        let joined = match before {
            Some(mut before) if !before.is_empty() => {
                before.extend_from_slice(b",");
                before.extend_from_slice(&value);
                before
            }
            _ => value,
        };
        self.set(name, Some(joined));
    }

    /// Whether a field of this name that came along is left out.
    pub fn replaces(&self, name: &[u8]) -> bool {
        let mut edits = self.0.iter().filter(|edit| !edit.is_beside);
        edits.any(|edit| edit.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The new value of a header, if it has one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut edits = self.0.iter();
        let found = edits.find(|edit| edit.name.eq_ignore_ascii_case(name))?;
        found.value.as_deref()
    }

    /// The fields to be written, but for one name.
    pub fn fields(&self) -> impl Iterator<Item = (&'m str, &[u8])> {
        let edits = self.0.iter();
        edits.filter_map(|edit| Some((edit.name, edit.value.as_deref()?)))
    }

    /// Appends the lines of all fields but `except`.
    pub fn write(&self, out: &mut Vec<u8>, except: &str) {
        for (name, value) in self.fields() {
            if !name.eq_ignore_ascii_case(except) {
                encode::field(out, name.as_bytes(), value);
            }
        }
    }
}

/// Bytes that no field may hold become blanks: a value that came out of a body must not begin a
/// field of its own.
fn clean(mut value: Vec<u8>) -> Vec<u8> {
    for byte in &mut value {
        if !ascii::is_value_byte(*byte) {
            *byte = b' ';
        }
    }
    ascii::trim(&value).to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lang::mapping::{Piece, Side, parse_all};

    /// Literals only; all others are values that are not there.
    fn run(expression: &Expression) -> Option<Vec<u8>> {
        let [Piece::Literal(text)] = &*expression.pieces else {
            return None;
        };
        Some(text.as_bytes().to_vec())
    }

    fn check(mappings: &[(&str, &str)], replaced: &[&str], expected: &str) {
        let mappings = parse_all(mappings.iter().copied(), Side::Request).unwrap();
        let edits = Edits::of(&mappings, run, |name| {
            name.eq_ignore_ascii_case("old").then(|| b"a,b".to_vec())
        });
        let mut out = Vec::new();
        edits.write(&mut out, "host");
        assert_eq!(String::from_utf8_lossy(&out), expected);
        for name in ["old", "new", "set-cookie"] {
            assert_eq!(edits.replaces(name.as_bytes()), replaced.contains(&name));
        }
    }

    #[test]
    fn fields_are_removed_replaced_and_joined() {
        check(&[], &[], "");
        check(&[("remove:header.OLD", "''")], &["old"], "");
        check(&[("overwrite:header.Old", "c")], &["old"], "Old: c\r\n");
        check(&[("append:header.Old", "c")], &["old"], "Old: a,b,c\r\n");
        check(&[("append:header.new", "c")], &["new"], "new: c\r\n");
        check(&[("append:header.new", "")], &[], "");
        check(&[("overwrite:header.host", "h")], &[], "");
        let both = [("append:header.old", "d"), ("overwrite:header.OLD", "c")];
        check(&both, &["old"], "old: c,d\r\n");
        let both = [("append:header.old", "d"), ("remove:header.old", "''")];
        check(&both, &["old"], "old: d\r\n");
    }

    #[test]
    fn what_is_not_known_of_the_caller_is_not_what_the_client_says() {
        for unknown in [
            "$context.authorizer.user",
            "$context.authorizer.claims.sub",
            "$context.authorizer.principalId",
            "$context.identity.userArn",
            "is ${context.authorizer.user}",
        ] {
            check(&[("overwrite:header.OLD", unknown)], &["old"], "");
            check(&[("append:header.old", unknown)], &[], "");
        }
        check(&[("overwrite:header.old", "$request.header.x")], &[], "");
        check(&[("overwrite:header.old", "$context.path")], &[], "");
    }

    #[test]
    fn cookies_stand_beside_each_other() {
        let cookie = [("append:header.Set-Cookie", "a=1")];
        check(&cookie, &[], "Set-Cookie: a=1\r\n");
    }

    #[test]
    fn a_value_cannot_begin_another_field() {
        let evil = [("append:header.new", " x\r\nEvil: 1\0 ")];
        check(&evil, &["new"], "new: x  Evil: 1\r\n");
    }
}
