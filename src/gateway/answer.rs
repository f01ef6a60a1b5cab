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
///
/// One text with places in it: a piece of memory for each name and value would cost more than the
/// rest of an answer does.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// Names and values; of fields that were taken out too.
    text: Vec<u8>,
    fields: Vec<Places>,
}

/// Where a field is.
#[derive(Clone, Copy, Debug)]
struct Places {
    name: (u32, u32),
    value: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'h> {
    pub name: &'h str,
    pub value: &'h [u8],
}

impl Answer {
    /// The whole response of an upstream; fields of its connection are among the headers, since
    /// some pipelines show them under another name.
    pub fn of(head: &ResponseHead, bytes: &[u8], body: Vec<u8>) -> Self {
        Self {
            status: head.status,
            headers: Headers::of(head, bytes),
            body,
        }
    }
}

impl Headers {
    /// The head as it came, whose parser has looked at each byte.
    fn of(head: &ResponseHead, bytes: &[u8]) -> Self {
        // One more, of our own, is usual.
        let mut headers = Self::with_room(head.fields.len() + 1, head.length as usize + 96);
        let head_bytes = bytes.get(..head.length as usize);
        headers
            .text
            .extend_from_slice(head_bytes.unwrap_or_default());
        let places = head.fields.iter().map(|field| Places {
            name: (field.name.start, field.name.end),
            value: (field.value.start, field.value.end),
        });
        headers.fields.extend(places);
        headers
    }

    /// For so many fields and bytes.
    pub fn with_room(fields: usize, bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            fields: Vec::with_capacity(fields),
        }
    }

    /// Appends a field; says whether it could be one.
    pub fn push(&mut self, name: &str, value: &[u8]) -> bool {
        let value = ascii::trim(value);
        let name = name.as_bytes();
        let length = self.text.len() + name.len() + value.len();
        let is_clean =
            ascii::is_token(name) && ascii::is_field_value(value) && u32::try_from(length).is_ok();
        if is_clean {
            let (name, value) = (self.add(name), self.add(value));
            self.fields.push(Places { name, value });
        }
        is_clean
    }

    fn add(&mut self, text: &[u8]) -> (u32, u32) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        (start, self.text.len() as u32)
    }

    fn part(&self, (start, end): (u32, u32)) -> &[u8] {
        let part = self.text.get(start as usize..end as usize);
        part.unwrap_or_default()
    }

    fn header(&self, places: Places) -> Header<'_> {
        Header {
            // A token is ASCII.
            name: std::str::from_utf8(self.part(places.name)).unwrap_or_default(),
            value: self.part(places.value),
        }
    }

    /// The value of the first field of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.fields.iter();
        let found = all.find(|places| self.is(**places, name));
        found.map(|places| self.part(places.value))
    }

    /// The values of all fields of this name, in any case.
    pub fn all<'h>(&'h self, name: &'h str) -> impl DoubleEndedIterator<Item = &'h [u8]> {
        let all = self.fields.iter();
        let found = all.filter(|places| self.is(**places, name));
        found.map(|places| self.part(places.value))
    }

    fn is(&self, places: Places, name: &str) -> bool {
        let own = self.part(places.name);
        own.eq_ignore_ascii_case(name.as_bytes())
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Header<'_>> {
        self.fields.iter().map(|places| self.header(*places))
    }

    /// Takes out all fields of this name, in any case.
    pub fn remove(&mut self, name: &str) {
        self.retain(|other| !other.eq_ignore_ascii_case(name));
    }

    /// Takes out all fields whose name does not please.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|places| keep(self.header(*places).name));
        self.fields = fields;
    }

    /// This one value in the place of all that there were; says whether it could be a field.
    pub fn set(&mut self, name: &str, value: &[u8]) -> bool {
        self.remove(name);
        self.push(name, value)
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl Header<'_> {
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
        let names: Vec<&str> = headers.iter().map(|header| header.name).collect();
        assert_eq!(names, ["X-B", "X-A"]);
    }

    #[test]
    fn what_would_break_a_head_is_no_field() {
        let mut headers = Headers::default();
        assert!(!headers.push("X A", b"1") && !headers.push("X", b"1\r\nY: 2"));
        assert!(!headers.push("", b"1") && headers.iter().next().is_none());
    }
}
