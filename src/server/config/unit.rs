//! Durations and sizes as people write them.

use crate::server::config::problem::{Fault, quoted};

const DURATIONS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Milliseconds of `250ms`, `30s`, `5m` or `1h`.
pub fn duration_ms(text: &str) -> Result<u64, Fault> {
    measure(text, DURATIONS).ok_or_else(|| {
        Fault::new(format!("{} is not a duration", quoted(text))).hint(hint(
            text,
            DURATIONS,
            &["s"],
            "durations look like \"250ms\", \"30s\", \"5m\" or \"1h\"",
        ))
    })
}

/// Bytes of `512B`, `16KiB` or `10MB`.
pub fn size_bytes(text: &str) -> Result<u64, Fault> {
    measure(text, SIZES).ok_or_else(|| {
        Fault::new(format!("{} is not a size", quoted(text))).hint(hint(
            text,
            SIZES,
            &["B"],
            "sizes look like \"16KiB\", \"10MB\" or 65536",
        ))
    })
}

/// The shortest exact spelling of some milliseconds.
pub fn duration_text(ms: u64) -> String {
    spell(ms, DURATIONS)
}

/// The shortest exact spelling of some bytes, in binary units.
pub fn size_text(bytes: u64) -> String {
    let binary = [SIZES[0], SIZES[4], SIZES[5], SIZES[6]];
    spell(bytes, &binary)
}

/// None: not a number with one of the units, or more than 64 bits hold.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = split(text);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn split(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

/// What was probably meant: a unit in the wrong case or after a blank, or no unit at all.
fn hint(text: &str, units: &[(&str, u64)], bare: &[&str], otherwise: &str) -> String {
    let (number, unit) = split(text.trim());
    let unit = unit.trim();
    if number.is_empty() || number.len() > 18 {
        return otherwise.to_owned();
    }
    let meant: Vec<&str> = match unit {
        "" => bare.to_vec(),
        "sec" | "secs" | "second" | "seconds" if bare == ["s"] => vec!["s"],
        "min" | "mins" | "minute" | "minutes" if bare == ["s"] => vec!["m"],
        _ => units
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| {
                name.eq_ignore_ascii_case(unit)
                    || name
                        .strip_suffix('B')
                        .is_some_and(|short| !short.is_empty() && short.eq_ignore_ascii_case(unit))
            })
            .collect(),
    };
    match meant.first() {
        Some(unit) => format!("write \"{number}{unit}\"; {otherwise}"),
        None => otherwise.to_owned(),
    }
}

fn spell(amount: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor))
        .unwrap_or(&units[0]);
    format!("{}{name}", amount / factor)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration_ms(text).ok(), expected, "{text}");
        };
        check("250ms", Some(250));
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("1h", Some(3_600_000));
        check("0s", Some(0));
        for wrong in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30 s",
            "30S",
            "99999999999999999999s",
            "²s",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn sizes_know_decimal_and_binary_units() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(size_bytes(text).ok(), expected, "{text}");
        };
        check("16KiB", Some(16_384));
        check("10MB", Some(10_000_000));
        check("7B", Some(7));
        for wrong in ["", "16", "16K", "16kb", "-1B", "18446744073709551615GiB"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_wrong_unit_is_answered_with_the_right_one() {
        let check = |fault: Fault, expected: &str| {
            let hint = fault.hint.unwrap();
            assert!(hint.starts_with(expected), "{hint}");
        };
        check(duration_ms("30").unwrap_err(), "write \"30s\"");
        check(duration_ms("30 secs").unwrap_err(), "write \"30s\"");
        check(size_bytes("16kib").unwrap_err(), "write \"16KiB\"");
        check(size_bytes("16K").unwrap_err(), "write \"16KB\"");
        check(size_bytes("big").unwrap_err(), "sizes look like");
    }

    #[test]
    fn spellings_read_back_as_themselves() {
        for ms in [0, 1, 250, 1_000, 90_000, 3_600_000, 86_400_000] {
            assert_eq!(duration_ms(&duration_text(ms)).unwrap(), ms);
        }
        for bytes in [0, 1, 1_000, 16_384, 1 << 30] {
            assert_eq!(size_bytes(&size_text(bytes)).unwrap(), bytes);
        }
    }
}
