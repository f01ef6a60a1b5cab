//! Paths from text.

use super::filter::Filter;
use super::function::Function;
use super::{PATH_BYTES_MAX, Path, PathError, Step};

/// Filters in filters, deeper than anybody writes.
const DEPTH_MAX: usize = 8;

pub(super) fn path(text: &str) -> Result<Path, PathError> {
    let text = text.trim();
    let mut reader = Reader::new(text, 0);
    if text.len() > PATH_BYTES_MAX {
        return Err(reader.wrong("it is too long"));
    }
    if text.is_empty() {
        return Err(reader.wrong("it is empty"));
    }
    let path = if text.starts_with(['$', '@']) {
        reader.at = 1;
        reader.steps(false)?
    } else {
        let name = reader.name();
        reader.steps_after(Step::Member(name))?
    };
    if reader.at < text.len() {
        return Err(reader.wrong("unexpected character"));
    }
    Ok(path)
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, depth: usize) -> Self {
        Self { text, at: 0, depth }
    }

    pub(super) fn wrong(&self, what: &'static str) -> PathError {
        PathError { at: self.at, what }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub(super) fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn expect(&mut self, expected: &str, what: &'static str) -> Result<(), PathError> {
        self.blanks();
        if self.eat(expected) {
            Ok(())
        } else {
            Err(self.wrong(what))
        }
    }

    /// The steps behind `$` or `@`. In a filter the path ends at the first thing that is no step.
    pub(super) fn steps(&mut self, in_filter: bool) -> Result<Path, PathError> {
        self.read_steps(Vec::new(), in_filter)
    }

    fn steps_after(&mut self, first: Step) -> Result<Path, PathError> {
        self.read_steps(vec![first], false)
    }

    fn read_steps(&mut self, mut steps: Vec<Step>, in_filter: bool) -> Result<Path, PathError> {
        let mut function = None;
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.at += 1;
                    if self.eat(".") {
                        steps.push(Step::Deep);
                        if self.peek() == Some('[') {
                            continue;
                        }
                    }
                    if self.eat("*") {
                        steps.push(Step::Any);
                        continue;
                    }
                    if self.peek() == Some('[') && !in_filter {
                        continue;
                    }
                    let name = self.name();
                    if name.is_empty() {
                        return Err(self.wrong("a name is missing behind the dot"));
                    }
                    if self.eat("(") {
                        function = Some(self.function(&name)?);
                        break;
                    }
                    steps.push(Step::Member(name));
                }
                '[' => {
                    self.at += 1;
                    let step = self.bracket()?;
                    steps.push(step);
                }
                _ => break,
            }
        }
        if matches!(steps.last(), Some(Step::Deep)) {
            return Err(self.wrong("the path ends in `..`"));
        }
        let definite = steps
            .iter()
            .all(|step| matches!(step, Step::Member(_) | Step::Members(_) | Step::Index(_)));
        let straight = steps
            .iter()
            .all(|step| matches!(step, Step::Member(_) | Step::Index(_)));
        Ok(Path {
            steps,
            straight,
            function,
            definite: definite || function.is_some(),
        })
    }

    fn function(&mut self, name: &str) -> Result<Function, PathError> {
        let function = Function::named(name).ok_or_else(|| self.wrong("no such function"))?;
        self.expect(")", "`)` expected")?;
        Ok(function)
    }

    /// A name behind a dot: up to what ends it in Jayway's syntax, so `-`, `:` and `/` are part of it.
    fn name(&mut self) -> Box<str> {
        let rest = self.rest();
        let end = rest.find(|c: char| {
            matches!(
                c,
                '.' | '[' | '(' | ')' | ' ' | '=' | '!' | '<' | '>' | '&' | '|' | ',' | ']'
            )
        });
        let name = &rest[..end.unwrap_or(rest.len())];
        self.at += name.len();
        name.into()
    }

    /// The inside of `[…]`, whose opening bracket has been read.
    fn bracket(&mut self) -> Result<Step, PathError> {
        self.blanks();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Any
            }
            Some('?') => {
                self.at += 1;
                self.filter()?
            }
            Some('(') => self.counted_back()?,
            Some('\'' | '"') => self.members()?,
            Some(_) => self.numbers()?,
            None => return Err(self.wrong("`]` expected")),
        };
        self.expect("]", "`]` expected")?;
        Ok(step)
    }

    fn filter(&mut self) -> Result<Step, PathError> {
        if self.depth >= DEPTH_MAX {
            return Err(self.wrong("too deeply nested"));
        }
        self.expect("(", "`(` expected behind `?`")?;
        self.depth += 1;
        let filter = Filter::parse(self)?;
        self.depth -= 1;
        self.expect(")", "`)` expected")?;
        Ok(Step::Filter(filter))
    }

    /// `(@.length-1)`
    fn counted_back(&mut self) -> Result<Step, PathError> {
        self.at += 1;
        self.blanks();
        if !self.eat("@.length") {
            return Err(self.wrong("only `(@.length-n)` may stand here"));
        }
        let _ = self.eat("()");
        self.expect("-", "`-` expected")?;
        self.blanks();
        let back = self.integer().filter(|back| *back > 0);
        let back = back.ok_or_else(|| self.wrong("a number expected"))?;
        self.expect(")", "`)` expected")?;
        Ok(Step::Index(-back))
    }

    fn members(&mut self) -> Result<Step, PathError> {
        let mut names: Vec<Box<str>> = Vec::new();
        loop {
            self.blanks();
            names.push(self.quoted()?.into());
            self.blanks();
            if !self.eat(",") {
                break;
            }
        }
        match names.pop() {
            Some(name) if names.is_empty() => Ok(Step::Member(name)),
            Some(name) => {
                names.push(name);
                Ok(Step::Members(names))
            }
            None => Err(self.wrong("a name expected")),
        }
    }

    /// A text in single or double quotes; a backslash takes the next character as it is.
    pub(super) fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or_else(|| self.wrong("a quote expected"))?;
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '\\' => {
                    let c = self.peek();
                    let c = c.ok_or_else(|| self.wrong("a text without an end"))?;
                    self.at += c.len_utf8();
                    out.push(match c {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        _ => c,
                    });
                }
                _ if c == quote => return Ok(out),
                _ => out.push(c),
            }
        }
        Err(self.wrong("a text without an end"))
    }

    /// Indexes or a slice.
    fn numbers(&mut self) -> Result<Step, PathError> {
        let first = self.integer();
        self.blanks();
        if self.eat(":") {
            self.blanks();
            return Ok(Step::Slice(first, self.integer()));
        }
        let first = first.ok_or_else(|| self.wrong("an index expected"))?;
        let mut indexes = vec![first];
        while self.eat(",") {
            self.blanks();
            let next = self.integer();
            indexes.push(next.ok_or_else(|| self.wrong("an index expected"))?);
            self.blanks();
        }
        Ok(if indexes.len() == 1 {
            Step::Index(first)
        } else {
            Step::Indexes(indexes)
        })
    }

    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let length = rest.len() - digits.len() + end.unwrap_or(digits.len());
        let value = rest[..length].parse().ok()?;
        self.at += length;
        Some(value)
    }
}
