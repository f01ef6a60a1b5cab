//! Cuts the text of a config file into the pieces that stand for one route each, and the rest.
//!
//! No parser: it knows only as much of TOML as to be sure where an expression ends, and gives up
//! when it meets anything by which a route could be written in two places.

use std::ops::Range;

/// A part of the file, whole lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// All that the file says of a route, and nothing else.
    Route(RouteText<'t>),
    Rest(Range<usize>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteText<'t> {
    pub api: &'t str,
    pub range: Range<usize>,
    /// Where the route key stands, without quotes; it has no escapes.
    pub key: Range<usize>,
    pub shape: Shape,
}

/// How a route is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As a line of `[apis.x.routes]`.
    Line,
    /// As a table of its own.
    Table,
}

/// The text of a route up to its key, with the quote behind it. `key_end`: where the key ends.
pub fn head(text: &str, key_end: usize) -> &str {
    let is_quoted = text[key_end..].starts_with(QUOTES);
    &text[..key_end + usize::from(is_quoted)]
}

/// Goes through a text piece by piece.
#[derive(Clone, Debug)]
pub struct Blocks<'t> {
    text: &'t str,
    at: usize,
    section: Section<'t>,
}

/// The table that the last header opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section<'t> {
    Root,
    /// `[apis.x.routes]`: a route for each line.
    Routes(&'t str),
    /// `[apis.x]`
    Api,
    /// `[apis.x.routes."GET /"]`, which is a piece already.
    Route,
    Other,
}

/// The text is written in a way that is read as a whole only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole;

impl<'t> Blocks<'t> {
    pub fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            section: Section::Root,
        }
    }

    /// Where the next piece begins; the end of the text when there is none.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes on behind `text`, if the next piece is this text of a route, which is one in a file of
    /// before. `api`, `shape` and where in the text the key ends are as they were there.
    pub fn skip(&mut self, text: &str, api: &str, shape: Shape, key_end: usize) -> bool {
        if !self.text[self.at..].starts_with(text) {
            return false;
        }
        let end = self.at + text.len();
        let ends_line = text.ends_with('\n') || end == self.text.len();
        let (is_here, section) = match shape {
            Shape::Line => (self.section == Section::Routes(api), self.section),
            Shape::Table => (self.is_closed(head(text, key_end), end), Section::Route),
        };
        if !(ends_line && is_here) {
            return false;
        }
        (self.at, self.section) = (end, section);
        true
    }

    /// Whether a table whose header begins with `head` has nothing more to it at `end`.
    fn is_closed(&self, head: &str, end: usize) -> bool {
        let behind = self.text[end..].trim_start_matches(BLANKS);
        let is_more = || behind.starts_with(head.trim_start_matches(BLANKS));
        end == self.text.len() || (behind.starts_with('[') && !is_more())
    }

    /// The next piece; none at the end.
    pub fn next(&mut self) -> Option<Result<Piece<'t>, Whole>> {
        (self.at < self.text.len()).then(|| self.piece().ok_or(Whole))
    }

    fn piece(&mut self) -> Option<Piece<'t>> {
        let start = self.at;
        let line = self.text[start..].trim_start_matches(BLANKS);
        if line.starts_with('[') {
            return self.table(start, line);
        }
        if line.starts_with(['#', '\r', '\n']) || line.is_empty() {
            self.at = line_end(self.text, start);
            return Some(Piece::Rest(start..self.at));
        }
        match self.section {
            Section::Root if line.starts_with("apis") || !starts_bare(line) => return None,
            Section::Api if line.starts_with("routes") || !starts_bare(line) => return None,
            Section::Routes(api) => {
                let key = key(line)?;
                // `"GET /".integration = …` may go on anywhere.
                let behind = line[key.whole..].trim_start_matches(BLANKS);
                if !behind.starts_with('=') {
                    return None;
                }
                self.at = expression_end(self.text, start)?;
                let key_start = self.text.len() - line.len() + key.start;
                return Some(Piece::Route(RouteText {
                    api,
                    range: start..self.at,
                    key: key_start..key_start + key.text.len(),
                    shape: Shape::Line,
                }));
            }
            _ => self.at = expression_end(self.text, start)?,
        }
        Some(Piece::Rest(start..self.at))
    }

    /// A header with the expressions below it, or with those alone that belong to its route.
    fn table(&mut self, start: usize, line: &'t str) -> Option<Piece<'t>> {
        let found = header(line)?;
        self.at = line_end(self.text, start);
        self.section = found.section();
        let Header::Route { api, key, at } = found else {
            return Some(Piece::Rest(start..self.at));
        };
        while self.at < self.text.len() {
            let line = self.text[self.at..].trim_start_matches(BLANKS);
            if line.starts_with('[') {
                if header(line)?.route() != Some((api, key)) {
                    break;
                }
                self.at = line_end(self.text, self.at);
            } else {
                self.at = expression_end(self.text, self.at)?;
            }
        }
        let key_start = self.text.len() - line.len() + at;
        Some(Piece::Route(RouteText {
            api,
            range: start..self.at,
            key: key_start..key_start + key.len(),
            shape: Shape::Table,
        }))
    }
}

const BLANKS: [char; 2] = [' ', '\t'];
const QUOTES: [char; 2] = ['"', '\''];

/// What a line says that opens a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header<'t> {
    /// The key stands at `at`.
    Route {
        api: &'t str,
        key: &'t str,
        at: usize,
    },
    Routes(&'t str),
    Api,
    Other,
}

impl<'t> Header<'t> {
    fn route(self) -> Option<(&'t str, &'t str)> {
        match self {
            Self::Route { api, key, .. } => Some((api, key)),
            _ => None,
        }
    }

    fn section(self) -> Section<'t> {
        match self {
            Self::Route { .. } => Section::Route,
            Self::Routes(api) => Section::Routes(api),
            Self::Api => Section::Api,
            Self::Other => Section::Other,
        }
    }
}

/// The header at the start of a line. None if it is written in an unusual way, so that it could
/// mean a route.
fn header(line: &str) -> Option<Header<'_>> {
    let (list, path) = match line.strip_prefix("[[") {
        Some(path) => (true, path),
        None => (false, line.strip_prefix('[')?),
    };
    let (first, path) = bare(path)?;
    if first != "apis" {
        return path.starts_with(['.', ']']).then_some(Header::Other);
    }
    let (api, path) = bare(path.strip_prefix('.')?)?;
    if list {
        return None;
    }
    if path.starts_with(']') {
        return Some(Header::Api);
    }
    let (field, path) = bare(path.strip_prefix('.')?)?;
    if field != "routes" {
        return path.starts_with(['.', ']']).then_some(Header::Other);
    }
    if path.starts_with(']') {
        return Some(Header::Routes(api));
    }
    let path = path.strip_prefix('.')?;
    let key = key(path)?;
    let behind = &path[key.whole..];
    behind.starts_with(['.', ']']).then_some(Header::Route {
        api,
        key: key.text,
        at: line.len() - path.len() + key.start,
    })
}

/// A name without quotes, and what stands behind it.
fn bare(text: &str) -> Option<(&str, &str)> {
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let end = text.bytes().position(|byte| !is_bare(&byte));
    let end = end.unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn starts_bare(line: &str) -> bool {
    bare(line).is_some()
}

struct Key<'t> {
    text: &'t str,
    start: usize,
    /// Its length with quotes.
    whole: usize,
}

/// The key at the start of a text, in quotes or bare; none if it has escapes.
fn key(text: &str) -> Option<Key<'_>> {
    let quote = *text.as_bytes().first()?;
    if !matches!(quote, b'"' | b'\'') {
        let (text, _) = bare(text)?;
        return Some(Key {
            text,
            start: 0,
            whole: text.len(),
        });
    }
    let inner = &text[1..];
    let end = inner
        .bytes()
        .position(|byte| byte == quote || byte == b'\n' || byte == b'\\')?;
    let is_closed = inner.as_bytes()[end] == quote;
    is_closed.then(|| Key {
        text: &inner[..end],
        start: 1,
        whole: end + 2,
    })
}

/// Behind the line break of this line.
fn line_end(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    memchr::memchr(b'\n', rest).map_or(text.len(), |found| at + found + 1)
}

/// Behind the line that ends the key and its value that begin here; none if it cannot be told.
fn expression_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\n' if depth == 0 => return Some(at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            // A comment ends with its line, which may end the expression, too.
            b'#' => at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end),
            b'"' | b'\'' => at = string_end(bytes, at, *byte)?,
            _ => {}
        }
    }
    (depth == 0).then_some(at)
}

/// Behind the quote that ends the string of one line whose first byte is at `at`.
fn string_end(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    if bytes.get(at..at + 2) == Some(&[quote, quote]) {
        // It may go over many lines.
        return None;
    }
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            b'\n' => return None,
            b'\\' if quote == b'"' => at += 1,
            _ if byte == quote => return Some(at),
            _ => {}
        }
    }
}
