//! The example file and the manual, printed from the field table.

use crate::server::config::field::{Default, Field, Kind, Plain, Section};
use crate::server::config::scalar::expected;
use crate::server::config::table::ROOT;
use crate::server::config::unit;

/// `config.example.toml`: every field with its default, or commented out when there is none.
pub fn example() -> String {
    let mut out = String::from("# Every setting of daemun with its default.\n");
    comment(&mut out, "", ROOT.doc);
    lines(&mut out, &ROOT, "");
    out
}

/// `docs/configuration.md`: a table for each section.
pub fn manual() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         A config file is TOML. `daemun check FILE` reports everything that is wrong with one, and \
         `config.example.toml` holds every field.\n\n",
    );
    out.push_str(ROOT.doc);
    out.push('\n');
    chapter(&mut out, &ROOT, "At the top of the file");
    below(&mut out, &ROOT, "");
    out
}

/// The fields of a section: plain ones first, then the tables that have a header of their own.
fn lines(out: &mut String, section: &'static Section, path: &str) {
    let headed = |field: &&'static Field| header(field).is_some();
    for field in section.fields.iter().filter(|field| !headed(field)) {
        comment(out, "", field.doc);
        nested(out, &field.kind);
        let (value, off) = written(field);
        let mark = if off { "# " } else { "" };
        out.push_str(&format!("{mark}{} = {value}\n", field.name));
    }
    for field in section.fields.iter().filter(headed) {
        let Some((sample, inner)) = header(field) else {
            continue;
        };
        out.push('\n');
        comment(out, "", field.doc);
        let mut path = join(path, field.name);
        if let Some(sample) = sample {
            path = join(&path, sample);
        }
        out.push_str(&format!("[{path}]\n"));
        lines(out, inner, &path);
    }
}

/// The section of a table that gets a header, and a name for it if the user chooses names.
fn header(field: &'static Field) -> Option<(Option<&'static str>, &'static Section)> {
    match &field.kind {
        // Without a default, an example must not become part of the file without a thought.
        Kind::Map { .. } if matches!(field.default, Default::Absent(_)) => None,
        Kind::Map {
            of: Kind::Table(section),
            sample,
            ..
        } => Some((Some(sample), section)),
        // A table that may be absent is written in one line, so that it is easy to leave out.
        Kind::Table(section) if required(section).is_none() => match section.title.as_bytes() {
            [b'`', ..] => Some((None, section)),
            _ => None,
        },
        _ => None,
    }
}

fn required(section: &Section) -> Option<&'static Field> {
    let needed = |field: &&Field| matches!(field.default, Default::Required(_));
    section.fields.iter().find(needed)
}

/// What is inside a table that is written in one line.
fn nested(out: &mut String, kind: &'static Kind) {
    for (title, section) in inline(kind) {
        if !title.is_empty() {
            comment(out, "  ", &format!("With type = \"{title}\":"));
        }
        for field in section.fields {
            let value = match field.default {
                Default::Is(plain) => format!(" ({})", plain_text(plain)),
                Default::Absent(_) => String::new(),
                Default::Required(_) => " (required)".to_owned(),
            };
            comment(out, "  ", &format!("{}{value}: {}", field.name, field.doc));
            nested(out, &field.kind);
        }
        if title == "mock" {
            let example = section.fields.iter().map(|field| {
                let value = match field.name {
                    "headers" => "{ \"content-type\" = \"text/plain\" }".to_owned(),
                    "body" => "\"hello\"".to_owned(),
                    _ => written(field).0,
                };
                format!(", {} = {value}", field.name)
            });
            let example: String = example.collect();
            out.push_str(&format!("# integration = {{ type = \"mock\"{example} }}\n"));
        }
    }
}

/// The sections within a value, each with the tag that chooses it, if any.
fn inline(kind: &'static Kind) -> Vec<(&'static str, &'static Section)> {
    match kind {
        Kind::Table(section) | Kind::Short(_, section) => vec![("", section)],
        Kind::Or(_, kind) | Kind::List(kind) | Kind::Map { of: kind, .. } => inline(kind),
        Kind::Tagged(_, variants) => variants.to_vec(),
        _ => Vec::new(),
    }
}

/// The default or example in TOML, and whether the line is to be commented out.
fn written(field: &Field) -> (String, bool) {
    match field.default {
        Default::Is(plain) => (plain_text(plain), false),
        Default::Absent(example) => (example.to_owned(), true),
        Default::Required(example) => (example.to_owned(), false),
    }
}

fn plain_text(plain: Plain<'_>) -> String {
    match plain {
        Plain::Text(text) => format!("\"{text}\""),
        Plain::Integer(number) => number.to_string(),
        Plain::Number(number) => format!("{number:?}"),
        Plain::Flag(flag) => flag.to_string(),
        Plain::EmptyList => "[]".to_owned(),
        Plain::EmptyTable => "{}".to_owned(),
    }
}

fn join(path: &str, name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let name = match name.bytes().all(bare) {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    };
    match path {
        "" => name,
        _ => format!("{path}.{name}"),
    }
}

/// Wrapped at 100 columns.
fn comment(out: &mut String, indent: &str, text: &str) {
    let mut line = format!("# {indent}");
    for word in text.split_whitespace() {
        if line.len() + word.len() > 99 {
            out.push_str(line.trim_end());
            out.push('\n');
            line = format!("# {indent}");
        }
        line.push_str(word);
        line.push(' ');
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn chapter(out: &mut String, section: &'static Section, title: &str) {
    out.push_str(&format!("\n## {title}\n\n"));
    if !std::ptr::eq(section, &raw const ROOT) {
        out.push_str(&format!("{}\n\n", section.doc));
    }
    out.push_str("| field | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for field in section.fields {
        let default = match field.default {
            Default::Is(Plain::EmptyList | Plain::EmptyTable) | Default::Absent(_) => String::new(),
            Default::Is(plain) => format!("`{}`", plain_text(plain)),
            Default::Required(_) => "required".to_owned(),
        };
        let value = value_text(&field.kind).replace('|', "\\|");
        let row = format!(
            "| `{}` | {value} | {default} | {} |\n",
            field.name, field.doc
        );
        out.push_str(&row);
    }
}

fn below(out: &mut String, section: &'static Section, path: &str) {
    for field in section.fields {
        let mut path = join(path, field.name);
        let mut kind = &field.kind;
        loop {
            match kind {
                Kind::Or(_, of) => kind = of,
                Kind::List(of) => {
                    path.push_str("[]");
                    kind = of;
                }
                Kind::Map { of, .. } => {
                    path.push_str(".NAME");
                    kind = of;
                }
                _ => break,
            }
        }
        for (tag, inner) in inline(kind) {
            let title = match tag {
                "" => format!("`{path}`"),
                _ => format!("`{path}` with `type = \"{tag}\"`"),
            };
            chapter(out, inner, &title);
            below(out, inner, &path);
        }
    }
}

/// What may be written, with its bounds.
fn value_text(kind: &Kind) -> String {
    match kind {
        Kind::Integer { min, max } => format!("integer, {min} to {max}"),
        Kind::Number { max } => format!("number, 0 to {max}"),
        Kind::Duration { min_ms, max_ms } => {
            let (min, max) = ((*min_ms).into(), (*max_ms).into());
            format!(
                "duration, {} to {}",
                unit::duration_text(min),
                unit::duration_text(max)
            )
        }
        Kind::Size { min, max } => {
            format!(
                "size, {} to {}",
                unit::size_text(*min),
                unit::size_text(*max)
            )
        }
        Kind::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Kind::Or(word, kind) => format!("`\"{word}\"` or {}", value_text(kind)),
        Kind::List(kind) => format!("list; each {}", value_text(kind)),
        Kind::Map { of, .. } => format!("table; each {}", value_text(of)),
        _ => expected(kind)
            .trim_start_matches("an ")
            .trim_start_matches("a ")
            .to_owned(),
    }
}
