//! Methods of numbers, with the static ones that templates reach through any number.

use super::method::{compared, int};
use super::run::{Engine, Halt};
use crate::lang::value::{Heap, Number, Value};

impl<'a> Engine<'a, '_> {
    pub(super) fn number_method(
        &mut self,
        number: &Number<'a>,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        if let Some(found) = converted(number, name, arguments) {
            return Ok(Some(found));
        }
        match number {
            Number::Int(_) | Number::Long(_) => integer_method(&self.heap, number, name, arguments),
            Number::Double(value) => double_method(*value, name, arguments),
            Number::Big(_) | Number::Decimal(_) => Ok(None),
        }
    }
}

/// `intValue` and the like; Java cuts off.
fn converted<'a>(number: &Number<'_>, name: &str, arguments: &[Value<'a>]) -> Option<Value<'a>> {
    if !arguments.is_empty() {
        return None;
    }
    let integer = || match number.as_integer() {
        // The lowest 64 bits, as Java keeps them.
        Some(value) => value as i64,
        None => number.as_double() as i64,
    };
    Some(Value::Number(match name {
        "intValue" => Number::Int(match number {
            Number::Double(value) => *value as i32,
            _ => integer() as i32,
        }),
        "longValue" => Number::Long(integer()),
        "shortValue" => Number::Int(i32::from(integer() as i16)),
        "byteValue" => Number::Int(i32::from(integer() as i8)),
        "doubleValue" => Number::Double(number.as_double()),
        _ => return None,
    }))
}

fn integer_method<'a>(
    heap: &Heap<'a>,
    number: &Number<'_>,
    name: &str,
    arguments: &[Value<'a>],
) -> Result<Option<Value<'a>>, Halt> {
    let is_int = matches!(number, Number::Int(_));
    let value = number.as_integer().unwrap_or(0);
    let made = |value: i64| {
        Value::Number(if is_int {
            Number::Int(value as i32)
        } else {
            Number::Long(value)
        })
    };
    Ok(Some(match (name, arguments) {
        ("compareTo", [Value::Number(other)])
            if std::mem::discriminant(number) == std::mem::discriminant(other) =>
        {
            compared(number.compare(other))
        }
        ("parseInt" | "valueOf" | "decode", [Value::Text(text)]) if is_int => {
            let parsed = parse(text, 10).and_then(|value| i32::try_from(value).ok());
            Value::Number(Number::Int(parsed.ok_or_else(|| no_number(text))?))
        }
        ("parseLong" | "valueOf" | "decode", [Value::Text(text)]) if !is_int => {
            let parsed = parse(text, 10);
            Value::Number(Number::Long(parsed.ok_or_else(|| no_number(text))?))
        }
        ("parseInt" | "valueOf", [Value::Text(text), radix]) if is_int => {
            let Some(radix) = int(radix) else {
                return Ok(None);
            };
            let parsed = u32::try_from(radix)
                .ok()
                .filter(|radix| (2..=36).contains(radix))
                .and_then(|radix| parse(text, radix))
                .and_then(|value| i32::try_from(value).ok());
            Value::Number(Number::Int(parsed.ok_or_else(|| no_number(text))?))
        }
        ("toString" | "valueOf", [Value::Number(Number::Int(other))]) => match name {
            "toString" => heap.text(other.to_string()),
            _ => made(i64::from(*other)),
        },
        ("hashCode", []) if is_int => made(value as i64),
        _ => return Ok(static_method(heap, name, arguments)),
    }))
}

/// `Integer.max` and its like.
fn static_method<'a>(heap: &Heap<'a>, name: &str, arguments: &[Value<'a>]) -> Option<Value<'a>> {
    let first = int(arguments.first()?)?;
    let made = |value| Value::Number(Number::Int(value));
    if arguments.len() == 1 {
        return Some(match name {
            "toHexString" => heap.text(format!("{first:x}")),
            "toBinaryString" => heap.text(format!("{first:b}")),
            "signum" => made(first.signum()),
            _ => return None,
        });
    }
    let [_, second] = arguments else { return None };
    let second = int(second)?;
    Some(match name {
        "max" => made(first.max(second)),
        "min" => made(first.min(second)),
        "sum" => made(first.wrapping_add(second)),
        "compare" => compared(first.cmp(&second)),
        _ => return None,
    })
}

fn double_method<'a>(
    value: f64,
    name: &str,
    arguments: &[Value<'a>],
) -> Result<Option<Value<'a>>, Halt> {
    Ok(Some(match (name, arguments) {
        ("compareTo", [Value::Number(Number::Double(other))]) => compared(value.total_cmp(other)),
        ("isNaN", []) => Value::Bool(value.is_nan()),
        ("isInfinite", []) => Value::Bool(value.is_infinite()),
        ("parseDouble" | "valueOf", [Value::Text(text)]) => {
            let parsed = text.trim().parse();
            Value::Number(Number::Double(parsed.map_err(|_| no_number(text))?))
        }
        _ => return Ok(None),
    }))
}

/// Java's `Long.parseLong`.
fn parse(text: &str, radix: u32) -> Option<i64> {
    i64::from_str_radix(text, radix).ok()
}

fn no_number(text: &str) -> Halt {
    let shown: String = text.chars().take(40).collect();
    Halt::error(format!("`{}` is no number", shown.escape_debug()))
}
