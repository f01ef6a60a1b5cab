//! From TOML to values: walks the text's tables along the field table and reports all that is
//! unknown, missing, of the wrong type or out of range.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::server::config::field::{Default, Field, Kind, Plain, Section};
use crate::server::config::problem::{Fault, Problems, nearest, quoted};
use crate::server::config::scalar::{article, either, plain_of, scalar, wrong_value, wrong_word};
use crate::server::config::table;
use crate::server::config::value::{Item, Table, Value};
use crate::server::config::within;

/// Reads a whole file. What is wrong ends in `problems`; the table has every field nevertheless.
/// With it comes what the parser made, which nobody needs any more.
pub fn read<'t>(text: &'t str, problems: &mut Problems) -> (Table, Spanned<DeTable<'t>>) {
    let mut reader = Reader {
        text,
        problems,
        broken_lines: BTreeMap::new(),
    };
    let (root, errors) = parse(text);
    for error in errors {
        reader.syntax(error.message(), error.span());
    }
    let trail = Trail {
        above: None,
        name: "",
    };
    let place = 0..0;
    let table = reader.table(&table::ROOT, root.get_ref(), &place, &trail);
    (table, root)
}

/// Parses with recovery, so that several mistakes are seen at once. A large file with mistakes
/// gets only its first one: each may be kept with its words, and a file can hold millions.
pub fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
    if text.len() <= RECOVERY_BYTES_MAX {
        return DeTable::parse_recoverable(text);
    }
    match DeTable::parse(text) {
        Ok(root) => (root, Vec::new()),
        Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
    }
}

const RECOVERY_BYTES_MAX: usize = 1 << 20;

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Problems,
    /// Where the parser had to guess; what it guessed is not worth a second complaint.
    /// Ends by starts.
    broken_lines: BTreeMap<usize, usize>,
}

/// The names from the root to a value, for messages.
#[derive(Clone, Copy)]
struct Trail<'a> {
    above: Option<&'a Trail<'a>>,
    name: &'a str,
}

impl<'a> Trail<'a> {
    fn below(&'a self, name: &'a str) -> Self {
        Trail {
            above: Some(self),
            name,
        }
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else {
            return Ok(());
        };
        if above.above.is_some() {
            write!(f, "{above}.")?;
        }
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !self.name.is_empty() && self.name.bytes().all(bare) {
            return f.write_str(self.name);
        }
        let quoted = quoted(self.name);
        write!(f, "\"{}\"", quoted.trim_matches('`'))
    }
}

impl Reader<'_> {
    fn syntax(&mut self, message: &str, span: Option<Range<usize>>) {
        let Some(span) = span else {
            let hint = "tables and dotted keys may be 80 deep";
            let message = format!("not TOML: {message}");
            return self.problems.push(None, message, Some(hint.to_owned()));
        };
        // One slip makes the parser stumble several times; the first of a line tells the story.
        let end = self.text.len();
        let (start, stop) = (span.start.min(end), span.end.min(end));
        if self.is_broken(start) {
            return;
        }
        let before = self.text.as_bytes()[..start].iter();
        let first = before.rev().take_while(|byte| **byte != b'\n').count();
        let after = self.text.as_bytes()[stop..].iter();
        let last = after.take_while(|byte| **byte != b'\n').count();
        self.broken_lines.insert(start - first, stop + last);
        let hint = match message {
            "duplicate key" => None,
            _ => syntax_hint(self.text, start),
        };
        self.problems
            .push(Some(span), format!("not TOML: {message}"), hint);
    }

    /// Whether this byte is on a line that is not TOML.
    fn is_broken(&self, at: usize) -> bool {
        let line = self.broken_lines.range(..=at).next_back();
        line.is_some_and(|(_, end)| at <= *end)
    }

    fn report(&mut self, range: Range<usize>, message: String, hint: Option<String>) {
        // A span of nothing is a value that the parser made up.
        let made_up = range == (0..0) && !self.broken_lines.is_empty();
        if made_up || self.is_broken(range.start) {
            return;
        }
        self.problems.push(Some(range), message, hint);
    }

    fn table(
        &mut self,
        section: &'static Section,
        written: &DeTable<'_>,
        place: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Table {
        self.unknown_keys(section, written, trail, None);
        self.fields(section, written, place, trail)
    }

    /// Every field of the section: as written, or its default.
    fn fields(
        &mut self,
        section: &'static Section,
        written: &DeTable<'_>,
        place: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Table {
        let fields = section.fields.iter().map(|field| {
            let item = match written.get_key_value(field.name) {
                Some((key, value)) => {
                    let below = trail.below(field.name);
                    self.item(&field.kind, key.span(), value, &below)
                }
                None if is_misspelt(field, section, written) => Item {
                    span: place.clone(),
                    value: Value::Bad,
                },
                None => self.default(field, section, place, trail),
            };
            (field.name, item)
        });
        Table(fields.collect())
    }

    fn default(
        &mut self,
        field: &'static Field,
        section: &'static Section,
        place: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Item {
        let value = match field.default {
            Default::Absent(_) => Value::Absent,
            Default::Is(plain) => self.plain(&field.kind, plain, place, trail),
            Default::Required(example) => {
                // After a broken line nobody knows whether it was written.
                if self.broken_lines.is_empty() {
                    let message = format!("{trail}: {} needs `{}`", section.title, field.name);
                    let hint = format!("for example: {} = {example}", field.name);
                    self.report(place.clone(), message, Some(hint));
                }
                Value::Bad
            }
        };
        Item {
            span: place.clone(),
            value,
        }
    }

    fn plain(
        &mut self,
        kind: &'static Kind,
        plain: Plain<'static>,
        place: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Value {
        match (kind, plain) {
            (Kind::List(_), Plain::EmptyList) => Value::List(Vec::new()),
            (Kind::Map { .. }, Plain::EmptyTable) => Value::Map(Vec::new()),
            (Kind::Table(section), Plain::EmptyTable) => {
                Value::Table(self.fields(section, &DeTable::new(), place, trail))
            }
            _ => scalar(kind, plain).unwrap_or(Value::Bad),
        }
    }

    fn item(
        &mut self,
        kind: &'static Kind,
        key: Range<usize>,
        written: &Spanned<DeValue<'_>>,
        trail: &Trail<'_>,
    ) -> Item {
        let span = written.span();
        let value = match (kind, written.get_ref()) {
            (Kind::List(of), DeValue::Array(items)) => self.list(of, items, trail),
            (Kind::Map { key, of, .. }, DeValue::Table(entries)) => {
                self.map(*key, of, entries, trail)
            }
            (Kind::Table(section) | Kind::Short(_, section), DeValue::Table(entries)) => {
                Value::Table(self.table(section, entries, &key, trail))
            }
            (Kind::Tagged(tag, variants), DeValue::Table(entries)) => {
                self.tagged(tag, variants, entries, &key, trail)
            }
            (Kind::Short(field, section), DeValue::String(text)) => {
                self.short(field, section, text, &span, trail)
            }
            (_, value) => match plain_of(value).map(|plain| scalar(kind, plain)) {
                Some(Ok(value)) => value,
                Some(Err(fault)) => self.fault(fault, &span, trail),
                None => self.fault(wrong_value(kind, value), &span, trail),
            },
        };
        Item { span, value }
    }

    fn fault(&mut self, fault: Fault, span: &Range<usize>, trail: &Trail<'_>) -> Value {
        let range = match fault.within {
            Some(part) => within::place(self.text, span, part),
            None => span.clone(),
        };
        self.report(range, format!("{trail}: {}", fault.message), fault.hint);
        Value::Bad
    }

    fn list(&mut self, of: &'static Kind, items: &DeArray<'_>, trail: &Trail<'_>) -> Value {
        let read = items.iter().enumerate().map(|(index, item)| {
            let index = index.to_string();
            self.item(of, item.span(), item, &trail.below(&index))
        });
        Value::List(read.collect())
    }

    fn map(
        &mut self,
        rule: fn(&str) -> Result<(), Fault>,
        of: &'static Kind,
        entries: &DeTable<'_>,
        trail: &Trail<'_>,
    ) -> Value {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut read = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let below = trail.below(key.get_ref());
            if let Err(fault) = rule(key.get_ref()) {
                self.fault(fault, &key.span(), &below);
            }
            let item = self.item(of, key.span(), value, &below);
            read.push((key.get_ref().to_string(), item));
        }
        Value::Map(read)
    }

    fn tagged(
        &mut self,
        tag: &'static str,
        variants: &'static [(&'static str, &'static Section)],
        entries: &DeTable<'_>,
        key: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Value {
        let words = || variants.iter().map(|(word, _)| *word);
        let Some(written) = entries.get(tag) else {
            let hint = format!("write {tag} = {}", either(words()));
            self.report(
                key.clone(),
                format!("{trail}: `{tag}` is missing"),
                Some(hint),
            );
            return Value::Bad;
        };
        let below = trail.below(tag);
        let DeValue::String(word) = written.get_ref() else {
            let found = article(written.get_ref().type_str());
            let fault = Fault::new(format!("expected {}, found {found}", either(words())));
            return self.fault(fault, &written.span(), &below);
        };
        let Some((word, section)) = variants.iter().find(|(name, _)| name == word) else {
            return self.fault(wrong_word(word, words()), &written.span(), &below);
        };
        self.unknown_keys(section, entries, trail, Some(tag));
        Value::Tagged(word, self.fields(section, entries, key, trail))
    }

    fn short(
        &mut self,
        name: &'static str,
        section: &'static Section,
        text: &str,
        span: &Range<usize>,
        trail: &Trail<'_>,
    ) -> Value {
        let fields = section.fields.iter().map(|field| {
            let value = match (field.name == name, field.default) {
                (true, _) => scalar(&field.kind, Plain::Text(text))
                    .unwrap_or_else(|fault| self.fault(fault, span, trail)),
                (false, Default::Is(plain)) => self.plain(&field.kind, plain, span, trail),
                (false, _) => Value::Absent,
            };
            let span = span.clone();
            (field.name, Item { span, value })
        });
        Value::Table(Table(fields.collect()))
    }

    fn unknown_keys(
        &mut self,
        section: &'static Section,
        written: &DeTable<'_>,
        trail: &Trail<'_>,
        tag: Option<&'static str>,
    ) {
        let names = || section.fields.iter().map(|field| field.name).chain(tag);
        for key in written.keys() {
            let name = key.get_ref();
            if section.field(name).is_some() || tag.is_some_and(|tag| tag == name) {
                continue;
            }
            let place = match trail.above {
                Some(_) => format!("{trail}: "),
                None => String::new(),
            };
            let hint = match nearest(name, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("{} has {}", section.title, listed(names())),
            };
            self.report(
                key.span(),
                format!("{place}unknown key {}", quoted(name)),
                Some(hint),
            );
        }
    }
}

/// Whether a key that must be there is, under another name: of that it is told what it should be.
fn is_misspelt(field: &Field, section: &Section, written: &DeTable<'_>) -> bool {
    let names = || section.fields.iter().map(|field| field.name);
    let is_meant =
        |key: &str| section.field(key).is_none() && nearest(key, names()) == Some(field.name);
    matches!(field.default, Default::Required(_))
        && written.keys().any(|key| is_meant(key.get_ref()))
}

/// What is often behind a line that is not TOML.
fn syntax_hint(text: &str, at: usize) -> Option<String> {
    let start = text.as_bytes()[..at]
        .iter()
        .rposition(|byte| *byte == b'\n');
    let line = text
        .get(start.map_or(0, |at| at + 1)..)?
        .lines()
        .next()?
        .trim();
    let (key, value) = line.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let bare = |c: char| c.is_alphanumeric() || "._-:/*".contains(c);
    if !value.is_empty() && value.len() < 80 && value.chars().all(bare) {
        return Some(format!(
            "texts stand in quotes: {} = \"{value}\"",
            key.trim()
        ));
    }
    None
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
