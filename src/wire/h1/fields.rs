//! The header section that requests and responses share: lines, `Connection`, exact diagnosis.

use httparse::Header;

use crate::base::ascii;
use crate::wire::error::FieldError;
use crate::wire::framing::Framing;
use crate::wire::head::{Field, Name, Span};
use crate::wire::limits::Limits;

/// Whether an empty line ends anywhere in the bytes behind `already_seen`, so that parsing again
/// may get further. Looks at new bytes only, so that slow senders cost linear time.
///
/// Finds lines that end in a bare LF too, for `parse` to refuse them. Call `parse` also once
/// `bytes` holds `head_bytes_max` bytes: a head that never ends must meet its limit.
pub fn head_may_be_complete(bytes: &[u8], already_seen: usize) -> bool {
    let new = already_seen.min(bytes.len());
    memchr::memchr_iter(b'\n', &bytes[new..]).any(|at| {
        let line = &bytes[..new + at];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.last() == Some(&b'\n')
    })
}

/// What the fields of one head say, but for the lines themselves.
#[derive(Default)]
pub(super) struct Facts {
    pub framing: Framing,
    pub host: Option<Span>,
    pub two_hosts: bool,
    /// Expect fields other than `100-continue` make this `Some(false)`.
    pub expect_continue: Option<bool>,
    /// An Upgrade field exists.
    pub upgrade: bool,
    pub connection: Connection,
}

/// The options in all `Connection` fields that have a meaning of their own.
#[derive(Clone, Copy, Default)]
pub(super) struct Connection {
    present: bool,
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
}

/// The lines of one header section being collected into `out`.
pub(super) struct Section<'a> {
    /// The buffer that spans count in.
    pub bytes: &'a [u8],
    /// Whether this is a request: there `Connection` may not even nominate Transfer-Encoding.
    pub request: bool,
    pub out: &'a mut Vec<Field>,
}

impl Section<'_> {
    /// Turns httparse's `headers`, the lines of which begin at offset `start`, into fields.
    /// Returns the facts and the offset behind the blank line.
    pub fn collect(
        &mut self,
        start: usize,
        headers: &[Header<'_>],
    ) -> Result<(Facts, usize), FieldError> {
        let mut facts = Facts::default();
        let mut line_end = start;
        self.out.clear();
        self.out.reserve(headers.len());
        for header in headers {
            let name = header.name.as_bytes();
            let value_start = self.offset(header.value);
            let value_end = value_start + header.value.len();
            let name_span = Span::new(line_end, line_end + name.len());
            debug_assert_eq!(name_span.start as usize, self.offset(name));
            line_end = end_of_line(self.bytes, value_end)?;
            let id = Name::of(name);
            let field = Field {
                name: name_span,
                value: Span::new(value_start, value_end),
                end: line_end as u32,
                id,
                hop: id.is_hop(),
            };
            self.out.push(field);
            facts.note(&field, header.value)?;
        }
        let end = end_of_line(self.bytes, line_end)?;
        self.conclude(&mut facts)?;
        Ok((facts, end))
    }

    /// When all lines are there.
    #[inline]
    pub fn conclude(&mut self, facts: &mut Facts) -> Result<(), FieldError> {
        if facts.connection.present {
            facts.connection = self.nominate()?;
        }
        Ok(())
    }

    /// Where `part`, a part of the buffer, begins in it.
    fn offset(&self, part: &[u8]) -> usize {
        part.as_ptr().addr() - self.bytes.as_ptr().addr()
    }

    /// Reads all `Connection` fields and marks the fields that they nominate.
    fn nominate(&mut self) -> Result<Connection, FieldError> {
        let mut options = Connection::default();
        let mut nominated = 0;
        for index in 0..self.out.len() {
            if self.out[index].id != Name::Connection {
                continue;
            }
            for option in ascii::elements(self.out[index].value.of(self.bytes)) {
                match option.len() {
                    5 if option.eq_ignore_ascii_case(b"close") => options.close = true,
                    10 if option.eq_ignore_ascii_case(b"keep-alive") => options.keep_alive = true,
                    7 if option.eq_ignore_ascii_case(b"upgrade") => options.upgrade = true,
                    _ => {
                        nominated += 1;
                        if nominated > Limits::NOMINATIONS_MAX {
                            return Err(FieldError::TooManyNominated);
                        }
                        self.nominate_one(option)?;
                    }
                }
            }
        }
        Ok(options)
    }

    /// Marks the fields called `option` as hop-by-hop. To take away what frames or routes a
    /// message is an attack; only that responses nominate Transfer-Encoding, which is
    /// hop-by-hop in any case, is an old habit of large content networks.
    fn nominate_one(&mut self, option: &[u8]) -> Result<(), FieldError> {
        let id = Name::of(option);
        match id {
            Name::ContentLength | Name::Host => return Err(FieldError::Nominated),
            Name::TransferEncoding if self.request => return Err(FieldError::Nominated),
            _ => {}
        }
        for field in self.out.iter_mut().filter(|field| field.id == id) {
            if id != Name::Other || field.name.of(self.bytes).eq_ignore_ascii_case(option) {
                field.hop = true;
            }
        }
        Ok(())
    }
}

impl Facts {
    #[inline]
    pub fn note(&mut self, field: &Field, value: &[u8]) -> Result<(), FieldError> {
        match field.id {
            Name::ContentLength => self.framing.content_length(value)?,
            Name::TransferEncoding => self.framing.transfer_encoding(value)?,
            Name::Host => {
                self.two_hosts |= self.host.is_some();
                self.host = Some(field.value);
            }
            Name::Connection => self.connection.present = true,
            Name::Upgrade => self.upgrade = true,
            Name::Expect => {
                let fine = value.eq_ignore_ascii_case(b"100-continue");
                self.expect_continue = Some(fine && self.expect_continue.unwrap_or(true));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The offset behind the CRLF that follows `at` and optional white space. httparse would have
/// taken a bare LF as well: "a recipient MAY recognize a single LF as a line terminator"
/// (RFC 9112 section 2.2), and we do not.
#[inline]
fn end_of_line(bytes: &[u8], at: usize) -> Result<usize, FieldError> {
    if let Some([b'\r', b'\n', ..]) = bytes.get(at..) {
        return Ok(at + 2);
    }
    end_behind_space(bytes, at)
}

#[cold]
fn end_behind_space(bytes: &[u8], mut at: usize) -> Result<usize, FieldError> {
    while let Some(b' ' | b'\t') = bytes.get(at) {
        at += 1;
    }
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => Ok(at + 2),
        Some([b'\r', ..]) => Err(FieldError::BareCarriageReturn),
        _ => Err(FieldError::BareLineFeed),
    }
}

/// Says what in the lines of `section` httparse stumbled over. The first bad byte decides, so
/// that a longer reading of the same message gives the same answer.
#[cold]
pub(super) fn diagnose(section: &[u8]) -> FieldError {
    let mut rest = section;
    loop {
        let name_bytes = rest
            .iter()
            .position(|&byte| !ascii::is_token_byte(byte))
            .unwrap_or(rest.len());
        let value = match rest[name_bytes..] {
            [b':', ref value @ ..] if name_bytes > 0 => value,
            [b':', ..] => return FieldError::EmptyName,
            [b' ' | b'\t', ..] if name_bytes == 0 => return FieldError::Folded,
            [b' ' | b'\t', ..] => return FieldError::SpaceInName,
            [b'\r', ..] if name_bytes == 0 => return FieldError::BareCarriageReturn,
            [b'\r' | b'\n', ..] => return FieldError::NoColon,
            _ => return FieldError::Name,
        };
        let value_bytes = value
            .iter()
            .position(|&byte| !ascii::is_value_byte(byte))
            .unwrap_or(value.len());
        rest = match value[value_bytes..] {
            [b'\r', b'\n', ref rest @ ..] | [b'\n', ref rest @ ..] => rest,
            [b'\r', ..] => return FieldError::BareCarriageReturn,
            [0, ..] => return FieldError::Nul,
            _ => return FieldError::Value,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_is_found_across_any_split() {
        for head in [
            &b"A: b\r\nC: d\r\n\r\n"[..],
            b"A: b\n\n",
            b"A: b\n\r\n",
            b"A: b\r\n\n",
        ] {
            for seen in 0..head.len() {
                assert!(head_may_be_complete(head, seen), "{head:?} {seen}");
                assert!(!head_may_be_complete(&head[..head.len() - 1], seen));
            }
            assert!(!head_may_be_complete(head, head.len()));
        }
        assert!(!head_may_be_complete(b"", 0));
        assert!(!head_may_be_complete(b"", 7));
        assert!(!head_may_be_complete(b"\n", 0));
        assert!(!head_may_be_complete(b"a\r\nb\r\nc", 0));
    }

    #[test]
    fn the_first_bad_byte_names_the_fault() {
        let check = |section: &str, expected| {
            assert_eq!(diagnose(section.as_bytes()), expected, "{section:?}");
        };
        check(" a: b\r\n", FieldError::Folded);
        check("a: b\r\n\tc\r\n", FieldError::Folded);
        check("a : b\r\n", FieldError::SpaceInName);
        check("a b: c\r\n", FieldError::SpaceInName);
        check(": b\r\n", FieldError::EmptyName);
        check("a\r\n", FieldError::NoColon);
        check("a(: b\r\n", FieldError::Name);
        check("ü: b\r\n", FieldError::Name);
        check("a\0: b\r\n", FieldError::Name);
        check("a: b\0c\r\n", FieldError::Nul);
        check("a: b\x01c\r\n", FieldError::Value);
        check("a: b\x7fc\r\n", FieldError::Value);
        check("a: b\rc\r\n", FieldError::BareCarriageReturn);
        check("a: b\r\n\rc", FieldError::BareCarriageReturn);
    }
}
