//! `Answer`: what an integration said, whole, for pipelines that look at it before the client does.

use crate::base::ascii;
use crate::wire::head::ResponseHead;

/// A status, header fields and a payload in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// 200 to 599.
    pub status: u16,
    pub headers: Headers,
    /// Without any transfer coding.
    pub body: Vec<u8>,
}

/// Header fields in their order, names in the case they came in. Names must be tokens and values
/// clean (`base::ascii::is_field_value`): `push` refuses others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: Box<str>,
    pub value: Box<[u8]>,
}

impl Answer {
    /// The whole response of an upstream; fields of its connection are among the headers, since
    /// some pipelines show them under another name.
    pub fn of(head: &ResponseHead, bytes: &[u8], body: Vec<u8>) -> Self {
        let mut headers = Headers::default();
        for field in &head.fields {
            let name = String::from_utf8_lossy(field.name.of(bytes));
            headers.push(&name, field.value.of(bytes));
        }
        Self {
            status: head.status,
            headers,
            body,
        }
    }
}

impl Headers {
    /// Appends a field; says whether it could be one.
    pub fn push(&mut self, name: &str, value: &[u8]) -> bool {
        let value = ascii::trim(value);
        let is_clean = ascii::is_token(name.as_bytes()) && ascii::is_field_value(value);
        if is_clean {
            self.0.push(Header {
                name: name.into(),
                value: value.into(),
            });
        }
        is_clean
    }

    /// The value of the first field of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|header| header.is(name));
        found.map(|header| &*header.value)
    }

    /// The values of all fields of this name, in any case.
    pub fn all<'h>(&'h self, name: &'h str) -> impl DoubleEndedIterator<Item = &'h [u8]> {
        let found = self.0.iter().filter(move |header| header.is(name));
        found.map(|header| &*header.value)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// Takes out all fields of this name, in any case.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| !header.is(name));
    }

    /// Takes out all fields whose name does not please.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|header| keep(&header.name));
    }

    /// This one value in the place of all that there were; says whether it could be a field.
    pub fn set(&mut self, name: &str, value: &[u8]) -> bool {
        self.remove(name);
        self.push(name, value)
    }
}

impl Header {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_any_case_and_keep_the_one_they_came_in() {
        let mut headers = Headers::default();
        assert!(headers.push("X-A", b"1") && headers.push("x-a", b" 2 "));
        assert_eq!(headers.get("X-a"), Some(&b"1"[..]));
        assert_eq!(headers.all("x-A").collect::<Vec<_>>(), [b"1", b"2"]);
        assert!(headers.set("X-B", b"3") && headers.set("X-A", b"4"));
        let names: Vec<&str> = headers.iter().map(|header| &*header.name).collect();
        assert_eq!(names, ["X-B", "X-A"]);
    }

    #[test]
    fn what_would_break_a_head_is_no_field() {
        let mut headers = Headers::default();
        assert!(!headers.push("X A", b"1") && !headers.push("X", b"1\r\nY: 2"));
        assert!(!headers.push("", b"1") && headers.iter().next().is_none());
    }
}
