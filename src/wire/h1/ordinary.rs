//! Heads that are whole and ordinary, as nearly all are, in one pass. Of any other nothing is said
//! here: `RequestHead::parse` and `ResponseHead::parse` know every case and name every fault.

#[cfg(target_feature = "sse2")]
use crate::base::block::wide;
use crate::base::block::{self, BLOCK};
use crate::base::{Method, ascii};
use crate::wire::h1::fields::{Facts, Section};
use crate::wire::head::{Field, Name, RequestHead, ResponseHead, Span, Version};
use crate::wire::limits::Limits;
use crate::wire::target;

impl RequestHead {
    /// Reads the head that begins at `bytes[0]`, if all of it is there and nothing about it is
    /// unusual. True: `parse` would say the same. False says nothing, and then the members mean
    /// nothing either: `parse` has to be asked.
    #[inline]
    pub fn parse_ordinary(&mut self, bytes: &[u8], limits: &Limits) -> bool {
        let window = &bytes[..bytes.len().min(limits.head_bytes_max as usize)];
        self.read_ordinary(window, limits).is_some()
    }

    fn read_ordinary(&mut self, window: &[u8], limits: &Limits) -> Option<()> {
        let (method, method_bytes) = method(window)?;
        let start = method_bytes + 1;
        let target = target::parse_ordinary(window, start)?;
        if target.end - start > limits.target_bytes_max as usize {
            return None;
        }
        let fields_start = target.end + END_OF_LINE.len();
        if window.get(target.end..fields_start)? != END_OF_LINE {
            return None;
        }
        self.method = method;
        self.method_token = Span::new(0, method_bytes);
        self.target = Span::new(start, target.end);
        self.path = target.path;
        self.query = target.query;
        self.version = Version::Http11;
        let (facts, end) = fields(window, fields_start, &mut self.fields, limits, true)?;
        self.length = end as u32;
        self.settle(window, &facts, None).ok()
    }
}

impl ResponseHead {
    /// As that of requests, and with what `parse` of responses is told.
    #[inline]
    pub fn parse_ordinary(
        &mut self,
        bytes: &[u8],
        request_was_head: bool,
        limits: &Limits,
    ) -> bool {
        let window = &bytes[..bytes.len().min(limits.head_bytes_max as usize)];
        self.read_ordinary(window, request_was_head, limits)
            .is_some()
    }

    fn read_ordinary(
        &mut self,
        window: &[u8],
        request_was_head: bool,
        limits: &Limits,
    ) -> Option<()> {
        let (start, code) = window.first_chunk::<13>()?.split_at(9);
        let digits = [code[0], code[1], code[2]].map(|byte| u16::from(byte.wrapping_sub(b'0')));
        if start != b"HTTP/1.1 " || code[3] != b' ' || digits.iter().any(|&digit| digit > 9) {
            return None;
        }
        let line = Line::of(window, REASON_START)?;
        self.version = Version::Http11;
        self.status = digits[0] * 100 + digits[1] * 10 + digits[2];
        if !(100..=599).contains(&self.status) {
            return None;
        }
        self.reason = Span::new(REASON_START, line.end);
        let (facts, end) = fields(window, line.end + 2, &mut self.fields, limits, false)?;
        self.length = end as u32;
        self.settle(&facts, request_was_head).ok()
    }
}

/// A method that we know, and its length.
#[inline]
fn method(window: &[u8]) -> Option<(Method, usize)> {
    let (method, bytes) = match window.first_chunk::<4>()? {
        b"GET " => (Method::Get, 3),
        b"POST" => (Method::Post, 4),
        b"PUT " => (Method::Put, 3),
        b"HEAD" => (Method::Head, 4),
        b"DELE" if window.starts_with(b"DELETE") => (Method::Delete, 6),
        b"PATC" if window.starts_with(b"PATCH") => (Method::Patch, 5),
        b"OPTI" if window.starts_with(b"OPTIONS") => (Method::Options, 7),
        _ => return None,
    };
    (window.get(bytes) == Some(&b' ')).then_some((method, bytes))
}

/// The field lines from `at` on, and the offset behind the blank line.
#[inline]
fn fields(
    window: &[u8],
    mut at: usize,
    out: &mut Vec<Field>,
    limits: &Limits,
    request: bool,
) -> Option<(Facts, usize)> {
    let mut facts = Facts::default();
    out.clear();
    let fields_max = usize::from(limits.fields_max).min(Limits::FIELDS_CEILING);
    loop {
        if window.get(at..at + 2)? == b"\r\n" {
            break;
        }
        if out.len() == fields_max {
            return None;
        }
        let line = Line::of(window, at)?;
        let field = line.field(window, at)?;
        at = line.end + 2;
        out.push(field);
        facts.note(&field, field.value.of(window)).ok()?;
    }
    let mut section = Section {
        bytes: window,
        request,
        out,
    };
    section.conclude(&mut facts).ok()?;
    Some((facts, at + 2))
}

/// A line of printable ASCII that ends in CRLF.
struct Line {
    /// Where its first colon stands; the end of the line or behind it: there is none.
    colon: usize,
    /// Where its CRLF stands.
    end: usize,
}

impl Line {
    /// The line that begins at `at`.
    #[inline]
    fn of(window: &[u8], at: usize) -> Option<Self> {
        let mut rest = window.get(at..)?;
        let mut colon = usize::MAX;
        while let Some((block, behind)) = rest.split_first_chunk() {
            let marks = marks(block);
            let block_at = window.len() - rest.len();
            if colon == usize::MAX && marks.colons != 0 {
                colon = block_at + marks.colons.trailing_zeros() as usize;
            }
            if marks.odd != 0 {
                let end = block_at + marks.odd.trailing_zeros() as usize;
                return Self::until(window, colon, end);
            }
            rest = behind;
        }
        // The last block begins earlier, so that it is whole.
        let marks = marks(window.last_chunk()?);
        let (early, block_at) = (BLOCK - rest.len(), window.len() - rest.len());
        let (colons, odd) = (marks.colons >> early, marks.odd >> early);
        if colon == usize::MAX && colons != 0 {
            colon = block_at + colons.trailing_zeros() as usize;
        }
        // Where there is none, the end lies behind all that is there.
        Self::until(window, colon, block_at + odd.trailing_zeros() as usize)
    }

    #[inline]
    fn until(window: &[u8], colon: usize, end: usize) -> Option<Self> {
        let ends = window.get(end..end + 2)? == b"\r\n";
        ends.then_some(Self { colon, end })
    }

    /// The field that this line is, which begins at `at`.
    #[inline]
    fn field(&self, window: &[u8], at: usize) -> Option<Field> {
        if self.colon >= self.end {
            return None;
        }
        let name = &window[at..self.colon];
        let id = Name::of(name);
        if id == Name::Other && !ascii::is_token(name) {
            return None;
        }
        let behind = &window[self.colon + 1..self.end];
        let spaces = match behind {
            [b' ', b' ', ..] => behind.iter().position(|&byte| byte != b' ')?,
            [b' ', ..] => 1,
            _ => 0,
        };
        // One without a value, or with spaces behind it, is rare.
        if behind[spaces..].is_empty() || behind.ends_with(b" ") {
            return None;
        }
        Some(Field {
            name: Span::new(at, self.colon),
            value: Span::new(self.colon + 1 + spaces, self.end),
            end: self.end as u32 + 2,
            id,
            hop: id.is_hop(),
        })
    }
}

/// What some bytes hold, a bit for each, the first one's lowest.
#[derive(Debug, PartialEq, Eq)]
struct Marks {
    colons: block::Marks,
    /// Controls, DEL, and what is not ASCII.
    odd: block::Marks,
}

#[cfg(target_feature = "sse2")]
#[inline]
fn marks(block: &[u8; BLOCK]) -> Marks {
    // SAFETY: what this is compiled for has SSE2.
    unsafe { sse2(block) }
}

/// A request of 82 bytes is read with 982 instructions, and a response of 86 with 921. With numbers of
/// 64 bits in the place of these, it took 1,235 and 1,249.
#[cfg(target_feature = "sse2")]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2(block: &[u8; BLOCK]) -> Marks {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_or_si128, _mm_set1_epi8};
    let bytes = wide::load(block);
    let colons = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b':' as i8));
    // As signed numbers those outside of ASCII are below the space, too.
    let low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(b' ' as i8));
    let odd = _mm_or_si128(low, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
    Marks {
        colons: wide::marks(colons),
        odd: wide::marks(odd),
    }
}

#[cfg(not(target_feature = "sse2"))]
use portable as marks;

#[cfg(any(test, not(target_feature = "sse2")))]
#[inline]
fn portable(block: &[u8; BLOCK]) -> Marks {
    Marks {
        colons: block::gathered(|at| block[at] == b':'),
        odd: block::gathered(|at| !(b' '..0x7f).contains(&block[at])),
    }
}

const END_OF_LINE: &[u8] = b" HTTP/1.1\r\n";
/// Behind `HTTP/1.1 200 `.
const REASON_START: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::Parsed;

    const REQUESTS: &[&str] = &[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a/b?c=d&e HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\nConnection: close, te\r\nTE: x\r\n\r\nhello",
        "DELETE /a/b.c?x%20y HTTP/1.1\r\nhOST:a\r\nX-Any_thing: v : w\r\nExpect: 100-continue\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PATCH /a HTTP/1.1\r\nHost:  a\r\nEmpty:\r\nSpaces: b  \r\nUpgrade: w\r\nConnection: upgrade\r\n\r\n",
        "PUT http://b/c HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n",
        "HEAD /a HTTP/1.0\r\nHost: a\r\n\r\n",
    ];

    const RESPONSES: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: origin\r\n\r\nhello",
        "HTTP/1.1 404 \r\nContent-Type: text/plain; charset=utf-8\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a:b\"\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: w\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 204\r\nA: b\r\n\r\n",
    ];

    /// True where the one pass took it: then the other parser says the same.
    fn agree_on_request(bytes: &[u8], limits: &Limits) -> bool {
        let (mut ordinary, mut any) = (RequestHead::default(), RequestHead::default());
        let taken = ordinary.parse_ordinary(bytes, limits);
        if taken {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(any.parse(bytes, limits), Ok(Parsed::Complete), "{text:?}");
            assert_eq!(ordinary, any, "{text:?}");
        }
        taken
    }

    fn agree_on_response(bytes: &[u8], limits: &Limits) -> bool {
        let mut taken = false;
        for request_was_head in [false, true] {
            let (mut ordinary, mut any) = (ResponseHead::default(), ResponseHead::default());
            if ordinary.parse_ordinary(bytes, request_was_head, limits) {
                let text = String::from_utf8_lossy(bytes);
                let parsed = any.parse(bytes, request_was_head, limits);
                assert_eq!(parsed, Ok(Parsed::Complete), "{text:?}");
                assert_eq!(ordinary, any, "{text:?}");
                taken = true;
            }
        }
        taken
    }

    /// Each head with each of its bytes replaced by each other, left out or doubled, and each of
    /// its beginnings. Gives back how many of them `agree` took.
    fn variants(heads: &[&str], agree: impl Fn(&[u8], &Limits) -> bool) -> usize {
        let limits = Limits::default();
        let mut taken = 0;
        for head in heads {
            let head = head.as_bytes();
            for at in 0..head.len() {
                for byte in 0..=u8::MAX {
                    let mut other = head.to_vec();
                    other[at] = byte;
                    taken += usize::from(agree(&other, &limits));
                }
                let without = [&head[..at], &head[at + 1..]].concat();
                let doubled = [&head[..=at], &head[at..]].concat();
                let end = head.windows(4).position(|four| four == b"\r\n\r\n");
                assert!(!agree(&head[..at], &limits) || at >= end.unwrap_or(0) + 4);
                taken +=
                    usize::from(agree(&without, &limits)) + usize::from(agree(&doubled, &limits));
            }
        }
        taken
    }

    #[test]
    fn whoever_reads_a_head_reads_it_alike() {
        let limits = Limits::default();
        assert!(variants(REQUESTS, agree_on_request) > 5_000);
        assert!(variants(RESPONSES, agree_on_response) > 5_000);
        let taken = |heads: &[&str], agree: fn(&[u8], &Limits) -> bool| {
            let heads = heads.iter();
            let taken = heads.map(|head| agree(head.as_bytes(), &limits));
            taken.collect::<Vec<_>>()
        };
        let requests = taken(REQUESTS, agree_on_request);
        assert_eq!(requests, [true, true, true, false, false, false, false]);
        let responses = taken(RESPONSES, agree_on_response);
        assert_eq!(responses, [true, true, true, true, false, false]);
    }

    #[test]
    fn limits_are_left_to_who_names_them() {
        let head = "GET /abc HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n".as_bytes();
        let check = |change: fn(&mut Limits, usize), fits: usize| {
            let mut limits = Limits::default();
            change(&mut limits, fits);
            assert!(agree_on_request(head, &limits), "{limits:?}");
            change(&mut limits, fits - 1);
            assert!(!agree_on_request(head, &limits), "{limits:?}");
        };
        check(|limits, max| limits.head_bytes_max = max as u32, head.len());
        check(|limits, max| limits.target_bytes_max = max as u32, 4);
        check(|limits, max| limits.fields_max = max as u16, 2);
    }

    #[test]
    fn marks_are_the_same_on_every_machine() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = *b"abc: d-e_f g~h!i";
                block[at] = byte;
                assert_eq!(marks(&block), portable(&block), "{block:?}");
            }
        }
    }
}
