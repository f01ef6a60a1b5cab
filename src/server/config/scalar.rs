//! Texts, numbers and flags as their kind understands them, and what to say when it does not.

use std::net::SocketAddr;

use toml::de::DeValue;

use crate::server::config::field::{Kind, Plain};
use crate::server::config::problem::{Fault, nearest, quoted};
use crate::server::config::unit;
use crate::server::config::value::Value;

/// Gives a plain value the meaning of its kind.
pub fn scalar(kind: &Kind, plain: Plain<'_>) -> Result<Value, Fault> {
    match (kind, plain) {
        (Kind::Or(word, _), Plain::Text(text)) if *word == text => Ok(Value::Word),
        (Kind::Or(word, kind), plain) => scalar(kind, plain).map_err(|fault| {
            let hint = match fault.hint {
                Some(hint) => format!("{hint}; or \"{word}\""),
                None => format!("or \"{word}\""),
            };
            Fault {
                hint: Some(hint),
                ..fault
            }
        }),
        (Kind::Flag, Plain::Flag(flag)) => Ok(Value::Flag(flag)),
        (Kind::Integer { min, max }, Plain::Integer(number)) => {
            if (*min..=*max).contains(&number) {
                return Ok(Value::Integer(number));
            }
            Err(Fault::new(format!("{number} is not in {min}..={max}")))
        }
        (Kind::Number { max }, Plain::Number(_) | Plain::Integer(_)) => {
            let number = match plain {
                Plain::Number(number) => number,
                #[allow(clippy::cast_precision_loss)] // rates of 2^53 are out of range anyway
                Plain::Integer(number) => number as f64,
                _ => f64::NAN,
            };
            if (0.0..=*max).contains(&number) {
                return Ok(Value::Number(number));
            }
            Err(Fault::new(format!("{number} is not in 0..={max}")))
        }
        (Kind::Duration { min_ms, max_ms }, Plain::Text(text)) => duration(text, *min_ms, *max_ms),
        (Kind::Size { min, max }, Plain::Text(text)) => size(unit::size_bytes(text)?, *min, *max),
        (Kind::Size { min, max }, Plain::Integer(bytes)) => match u64::try_from(bytes) {
            Ok(bytes) => size(bytes, *min, *max),
            Err(_) => Err(Fault::new("a size cannot be negative")),
        },
        (Kind::Text(rule), Plain::Text(text)) => rule(text).map(|()| Value::Text(text.to_owned())),
        (Kind::File, Plain::Text(text)) => file(text),
        (Kind::Address, Plain::Text(text)) => address(text),
        (Kind::Choice(words), Plain::Text(text)) => words
            .iter()
            .find(|word| **word == text)
            .map(|word| Value::Choice(word))
            .ok_or_else(|| wrong_word(text, words.iter().copied())),
        (kind, plain) => Err(wrong_type(kind, plain_type(plain))),
    }
}

fn duration(text: &str, min_ms: u32, max_ms: u32) -> Result<Value, Fault> {
    let ms = unit::duration_ms(text)?;
    match u32::try_from(ms) {
        Ok(ms) if (min_ms..=max_ms).contains(&ms) => Ok(Value::Ms(ms)),
        _ => {
            let (min, max) = (min_ms.into(), max_ms.into());
            let range = (unit::duration_text(min), unit::duration_text(max));
            let message = format!(
                "{} is not between {} and {}",
                quoted(text),
                range.0,
                range.1
            );
            Err(Fault::new(message))
        }
    }
}

fn size(bytes: u64, min: u64, max: u64) -> Result<Value, Fault> {
    if (min..=max).contains(&bytes) {
        return Ok(Value::Bytes(bytes));
    }
    let (min, max) = (unit::size_text(min), unit::size_text(max));
    Err(Fault::new(format!(
        "{bytes} bytes are not between {min} and {max}"
    )))
}

fn file(text: &str) -> Result<Value, Fault> {
    if text.is_empty() || text.contains('\0') {
        return Err(Fault::new("this is not the path of a file"));
    }
    Ok(Value::Text(text.to_owned()))
}

fn address(text: &str) -> Result<Value, Fault> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Value::Address(address));
    }
    let meant = match text
        .strip_prefix("localhost:")
        .or_else(|| text.strip_prefix(':'))
    {
        Some(port) if text.starts_with(':') => format!("0.0.0.0:{port}"),
        Some(port) => format!("127.0.0.1:{port}"),
        None => format!("{text}:8080"),
    };
    let fault = Fault::new(format!("{} is not an IP address with a port", quoted(text)));
    Err(match meant.parse::<SocketAddr>() {
        Ok(meant) => fault.hint(format!("write \"{meant}\"")),
        Err(_) => fault.hint("write \"127.0.0.1:8080\", \"0.0.0.0:80\" or \"[::]:443\""),
    })
}

pub fn wrong_word<'a>(word: &str, words: impl Iterator<Item = &'a str> + Clone) -> Fault {
    let hint = match nearest(word, words.clone()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("write {}", either(words)),
    };
    Fault::new(format!("{} is not one of the choices", quoted(word))).hint(hint)
}

pub fn wrong_type(kind: &Kind, found: &str) -> Fault {
    let fault = Fault::new(format!(
        "expected {}, found {}",
        expected(kind),
        article(found)
    ));
    match (kind, found) {
        (Kind::Duration { .. }, "integer") => fault.hint("write the unit: \"30s\" or \"250ms\""),
        (Kind::Flag, "string") => fault.hint("write true or false without quotes"),
        (Kind::Integer { .. } | Kind::Number { .. }, "string") => {
            fault.hint("write numbers without quotes")
        }
        (Kind::List(_), _) => fault.hint("write it in brackets: [ … ]"),
        (Kind::Map { sample, .. }, "array") => {
            fault.hint(format!("give each a name, like \"{sample}\""))
        }
        _ => fault,
    }
}

/// What is no plain value: a date of TOML where a text is wanted is told in the form that is one.
pub fn wrong_value(kind: &Kind, value: &DeValue<'_>) -> Fault {
    let fault = wrong_type(kind, value.type_str());
    match (kind, value) {
        (Kind::Text(rule), DeValue::Datetime(date)) => {
            let text = date.to_string();
            match rule(&text) {
                Ok(()) => fault.hint(format!("write it in quotes: \"{text}\"")),
                Err(Fault {
                    hint: Some(hint), ..
                }) => fault.hint(hint),
                Err(_) => fault.hint("write it in quotes"),
            }
        }
        _ => fault,
    }
}

/// What a kind wants, in words, for messages and the manual.
pub fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer { .. } => "an integer".to_owned(),
        Kind::Number { .. } => "a number".to_owned(),
        Kind::Duration { .. } => "a duration".to_owned(),
        Kind::Size { .. } => "a size".to_owned(),
        Kind::Text(_) => "a text".to_owned(),
        Kind::File => "the path of a file".to_owned(),
        Kind::Address => "an address".to_owned(),
        Kind::Choice(words) => either(words.iter().copied()),
        Kind::Or(word, kind) => format!("\"{word}\" or {}", expected(kind)),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map { .. } | Kind::Table(_) | Kind::Tagged(..) => "a table".to_owned(),
        Kind::Short(..) => "a text or a table".to_owned(),
    }
}

pub fn plain_of<'a>(value: &'a DeValue<'_>) -> Option<Plain<'a>> {
    match value {
        DeValue::String(text) => Some(Plain::Text(text)),
        DeValue::Boolean(flag) => Some(Plain::Flag(*flag)),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            Some(read.map_or(Plain::Number(f64::NAN), Plain::Integer))
        }
        DeValue::Float(number) => Some(Plain::Number(number.as_str().parse().unwrap_or(f64::NAN))),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn plain_type(plain: Plain<'_>) -> &'static str {
    match plain {
        Plain::Text(_) => "string",
        Plain::Integer(_) => "integer",
        Plain::Number(number) if number.is_nan() => "number out of range",
        Plain::Number(_) => "float",
        Plain::Flag(_) => "boolean",
        Plain::EmptyList => "array",
        Plain::EmptyTable => "table",
    }
}

pub fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'i']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

pub fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}
