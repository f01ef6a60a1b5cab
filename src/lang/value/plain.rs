//! What most of a document is and needs no second look: members with the names expected, plain texts and
//! short numbers.

use super::bare::Place;
use super::scan::{Known, quote_or_backslash, short_number};
use super::{Number, Value};

/// What was read of members that are expected.
pub(super) struct Run<'a> {
    pub rest: &'a [u8],
    /// How many were read whole.
    pub count: usize,
    pub stop: Stop,
}

pub(super) enum Stop {
    /// Behind the end of the map.
    End,
    /// Behind the last name that is known.
    Names,
    /// Before a value that takes a closer look: its name has been read.
    Value,
    /// Before what is not the next name.
    Name,
}

/// Reads members with the names expected, as long as nothing takes a closer look: most texts and numbers
/// do not.
#[inline(always)]
pub(super) fn members<'a>(
    values: &mut Vec<Value<'a>>,
    names: &[Known],
    mut rest: &'a [u8],
    whole: &[u8],
    is_shallow: bool,
) -> Run<'a> {
    let run = |rest, left: usize, stop| Run {
        rest,
        count: names.len() - left,
        stop,
    };
    let mut left = names.iter();
    while let Some(name) = left.as_slice().first() {
        let Some(behind) = name.behind(rest, whole) else {
            return run(rest, left.len(), Stop::Name);
        };
        let found = match is_shallow {
            true => scalar(values, behind, Place::Member),
            false => None,
        };
        rest = match found {
            Some([b',', after @ ..]) => after,
            Some([b'}', after @ ..]) => return run(after, 0, Stop::End),
            Some(_) => {
                // It is read once more: what is behind it may be wrong.
                values.pop();
                return run(behind, left.len(), Stop::Value);
            }
            None => return run(behind, left.len(), Stop::Value),
        };
        left.next();
    }
    run(rest, 0, Stop::Names)
}

/// Reads a text in double quotes without an escape or a plain number; what is left behind it. None where
/// it takes a closer look: then nothing has been read.
#[inline(always)]
pub(super) fn scalar<'a>(
    values: &mut Vec<Value<'a>>,
    rest: &'a [u8],
    place: Place,
) -> Option<&'a [u8]> {
    match rest {
        [b'"', behind @ ..] => {
            let Some((length, true)) = quote_or_backslash(behind, b'"') else {
                return None;
            };
            let Some((text, [_, behind @ ..])) = behind.split_at_checked(length) else {
                return None;
            };
            values.push(Value::Text(part(text)));
            Some(behind)
        }
        [digit @ b'0'..=b'9', end, ..] if place.is_end(*end) => {
            let behind = rest.get(1..)?;
            let value = i32::from(digit - b'0');
            values.push(Value::Number(Number::Int(value)));
            Some(behind)
        }
        [b'-' | b'0'..=b'9', ..] => {
            let (is_negative, unsigned) = match rest {
                [b'-', behind @ ..] => (true, behind),
                _ => (false, rest),
            };
            let short = short_number(unsigned.first_chunk()?)?;
            let behind = unsigned.get(short.length()..)?;
            if !behind.first().is_some_and(|end| place.is_end(*end)) {
                return None;
            }
            // Apart from each other, so that each is made where it will be.
            if short.is_integer() {
                values.push(Value::Number(Number::Int(short.integer(is_negative))));
            } else {
                values.push(Value::Number(Number::Double(short.double(is_negative))));
            }
            Some(behind)
        }
        _ => None,
    }
}

/// Bytes of the text from behind a quote to the next one, as text. Asking whether they are would take a
/// twentieth of all instructions of a reading.
#[inline(always)]
pub(super) fn part(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok());
    // SAFETY: the bytes are a part of a text with ASCII on both sides, so it begins and ends where
    // characters do.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
