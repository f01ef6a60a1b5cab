//! HTTP-date, CLF and ISO 8601 forms of the time, cached per second for the hot path.

use std::io::Write;

use jiff::Timestamp;

/// How a moment is written. All are in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `Sun, 22 Nov 2026 12:00:00 GMT`: the preferred form of RFC 9110 section 5.6.7.
    Http,
    /// `22/Nov/2026:12:00:00 +0000`: the Common Log Format, and AWS's `$context.requestTime`.
    Clf,
    /// `2026-11-22T12:00:00Z`.
    Iso8601,
    /// `Sun Nov 22 12:00:00 UTC 2026`: that of Java's `Date`, in the logs of tests.
    Java,
}

/// The last second of 9999; all three forms have four digits for the year.
const EPOCH_SECONDS_MAX: u64 = 253_402_300_799;
const TEXT_BYTES_MAX: usize = 32;

/// Formats the time once a second and hands the same bytes out in between.
#[derive(Clone, Debug)]
pub struct DateCache {
    style: Style,
    /// The second that `text` shows.
    second: u64,
    text: [u8; TEXT_BYTES_MAX],
    length: usize,
}

/// The day of the month, from 1, of a day since 1970. Days that no calendar here knows count as
/// the first.
pub fn day_of_month(day: i64) -> u8 {
    let moment = Timestamp::from_second(day.saturating_mul(86_400));
    let date = moment.map(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).day());
    date.ok()
        .and_then(|day| u8::try_from(day).ok())
        .unwrap_or(1)
}

/// The text of one moment, for answers that are not many.
pub fn iso8601(epoch_ms: u64) -> String {
    text(Style::Iso8601, epoch_ms)
}

/// Seconds since 1970 of a moment of RFC 3339: `2026-11-22T12:00:00Z`.
pub fn seconds_of(text: &str) -> Option<u64> {
    let moment: Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_second()).ok()
}

/// The text of one moment in any style.
pub fn text(style: Style, epoch_ms: u64) -> String {
    let mut cache = DateCache::new(style);
    String::from_utf8_lossy(cache.at(epoch_ms)).into_owned()
}

impl DateCache {
    pub fn new(style: Style) -> Self {
        let mut cache = Self {
            style,
            second: 0,
            text: [0; TEXT_BYTES_MAX],
            length: 0,
        };
        cache.write();
        cache
    }

    /// The text of a moment in milliseconds since 1970. Moments after the year 9999 count as its
    /// last second.
    #[inline]
    pub fn at(&mut self, epoch_ms: u64) -> &[u8] {
        let second = epoch_ms / 1_000;
        if second != self.second {
            self.second = second;
            self.write();
        }
        &self.text[..self.length]
    }

    #[cold]
    fn write(&mut self) {
        let form = match self.style {
            Style::Http => "%a, %d %b %Y %H:%M:%S GMT",
            Style::Clf => "%d/%b/%Y:%H:%M:%S +0000",
            Style::Java => "%a %b %d %H:%M:%S UTC %Y",
            Style::Iso8601 => "%Y-%m-%dT%H:%M:%SZ",
        };
        let second = i64::try_from(self.second.min(EPOCH_SECONDS_MAX)).unwrap_or(i64::MAX);
        // jiff knows the years -9999 to 9999, less a day at either end for its time zones.
        let moment = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let mut rest = &mut self.text[..];
        // The forms fit by construction; a text cut short would be our own bug.
        let written = write!(rest, "{}", moment.strftime(form));
        debug_assert!(written.is_ok());
        self.length = TEXT_BYTES_MAX - rest.len();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn check(style: Style, epoch_ms: u64, expected: &str) {
        let mut cache = DateCache::new(style);
        assert_eq!(String::from_utf8_lossy(cache.at(epoch_ms)), expected);
    }

    #[test]
    fn moments_are_written_in_every_style() {
        check(
            Style::Http,
            784_111_777_000,
            "Sun, 06 Nov 1994 08:49:37 GMT",
        );
        check(Style::Clf, 784_111_777_999, "06/Nov/1994:08:49:37 +0000");
        check(Style::Iso8601, 784_111_777_000, "1994-11-06T08:49:37Z");
        check(Style::Clf, 1_795_348_800_000, "22/Nov/2026:12:00:00 +0000");
        check(
            Style::Java,
            1_759_175_054_000,
            "Mon Sep 29 19:44:14 UTC 2025",
        );
        check(Style::Http, 0, "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let mut cache = DateCache::new(Style::Clf);
        assert!(cache.at(u64::MAX).ends_with(b" +0000"));
    }

    #[test]
    fn the_http_date_agrees_with_a_referee() {
        let mut cache = DateCache::new(Style::Http);
        // A step that visits all days of the week, months and leap years without a pattern.
        for second in (0..4_000_000_000_u64).step_by(9_999_991) {
            let referee = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            assert_eq!(cache.at(second * 1_000), referee.as_bytes());
        }
    }

    #[test]
    fn the_text_changes_with_the_second_and_not_before() {
        let mut cache = DateCache::new(Style::Iso8601);
        assert_eq!(cache.at(999), b"1970-01-01T00:00:00Z");
        assert_eq!(cache.at(1_000), b"1970-01-01T00:00:01Z");
        // A wall clock may step back.
        assert_eq!(cache.at(0), b"1970-01-01T00:00:00Z");
    }
}
