//! Moments as signatures write them: `20150830T123600Z`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Seconds since 1970 of ISO 8601's basic form, which is the only one that AWS takes.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = &bytes[from..to];
        digits.iter().all(u8::is_ascii_digit).then(|| {
            digits
                .iter()
                .fold(0, |sum, d| sum * 10 + i16::from(d - b'0'))
        })
    };
    let small = |from: usize| Some(number(from, from + 2)? as i8);
    let moment = DateTime::new(
        number(0, 4)?,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        0,
    )
    .ok()?;
    let moment = TimeZone::UTC.to_timestamp(moment).ok()?;
    u64::try_from(moment.as_second()).ok()
}

/// Seconds since 1970 of a `Date` header, with `GMT` or, as botocore writes it, `-0000`.
pub(crate) fn parse_http(text: &str) -> Option<u64> {
    let moment = rfc2822::parse(text).ok()?;
    u64::try_from(moment.timestamp().as_second()).ok()
}

/// Moments after the year 9999 count as 1970; nobody signs then.
pub(crate) fn format(epoch_seconds: u64) -> String {
    let moment = i64::try_from(epoch_seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or_default();
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_and_written() {
        assert_eq!(parse("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(format(1_440_938_160), "20150830T123600Z");
        assert_eq!(
            parse_http("Sun, 30 Aug 2015 12:36:00 GMT"),
            Some(1_440_938_160)
        );
        assert_eq!(
            parse_http("Sun, 30 Aug 2015 12:36:00 -0000"),
            Some(1_440_938_160)
        );
        assert_eq!(parse_http("Mon, 30 Aug 2015 12:36:00 GMT"), None);
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20151330T123600Z",
            "2015-08-30T12:36",
            "+0150830T123600Z",
            "19690830T123600Z",
            "2015083éT12360Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
