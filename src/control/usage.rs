//! What API keys have used: a record for each plan, key and day, and the reckoning of what remains.
//!
//! The data plane counts and hands over now and then; `count` adds these numbers to the records.
//! What it may still admit in the current period is `allowance`.

use std::fmt;

use serde_json::Value;

use crate::control::desk::{Desk, Record};
use crate::control::error::Outcome;
use crate::control::kind;

/// A day in UTC, in days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

const DAY_MS: u64 = 86_400_000;

impl Day {
    /// The day of a moment in milliseconds since 1970.
    pub fn of(epoch_ms: u64) -> Self {
        Self((epoch_ms / DAY_MS) as i64)
    }

    /// `2026-01-31`
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else {
            return None;
        };
        let number = |text: &str, length: usize| {
            let fine = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            fine.then(|| text.parse::<i64>().ok()).flatten()
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let found = Self(days_from_civil(year, month, day));
        (found.civil() == (year, month, day)).then_some(found)
    }

    /// The day of this number, counted from 1970.
    pub fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// Days since 1970.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Whole days from `earlier` to this one.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// This day and all that follow, up to `last`.
    pub fn until(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// Year, month and day of the month, by the proleptic Gregorian calendar.
    fn civil(self) -> (i64, i64, i64) {
        // Eras of 400 years, years from March: the leap day is then the last of its year.
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day)
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// After which a quota begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    /// From Sunday.
    Week,
    Month,
}

impl Period {
    /// The first day of the period that `day` is in.
    pub fn first_day(self, day: Day) -> Day {
        match self {
            Self::Day => day,
            // 1970 began on a Thursday.
            Self::Week => Day(day.0 - (day.0 + 4).rem_euclid(7)),
            Self::Month => Day(day.0 - (day.civil().2 - 1)),
        }
    }
}

/// What a plan lets each of its keys use in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: i64,
    /// Taken off the limit in the first period of a key.
    pub offset: i64,
    pub period: Period,
    /// When the key joined the plan.
    pub since: Day,
}

impl Quota {
    /// The quota of a usage plan for one of its keys; none: the plan has none.
    pub fn of(plan: &Record, key: &Record) -> Option<Self> {
        let quota = plan.get("quota")?;
        let period = match quota["period"].as_str()? {
            "DAY" => Period::Day,
            "WEEK" => Period::Week,
            _ => Period::Month,
        };
        Some(Self {
            limit: quota["limit"].as_i64()?,
            offset: quota["offset"].as_i64().unwrap_or_default(),
            period,
            since: Day::of(key.get(SINCE).and_then(Value::as_u64).unwrap_or_default()),
        })
    }
}

/// The member of a plan's key with the moment at which it joined, in milliseconds since 1970.
pub const SINCE: &str = "since";

/// Of one key and day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were let through.
    pub used: i64,
    /// What was granted above the quota, or less than nothing.
    pub granted: i64,
}

/// Reads a record of the kind `usage`; none is as one of a day without requests.
pub fn counts(record: Option<&Value>) -> Counts {
    let number = |key: &str| record.and_then(|record| record[key].as_i64());
    Counts {
        used: number("used").unwrap_or_default(),
        granted: number("granted").unwrap_or_default(),
    }
}

/// Goes through the days of a key and says what remained after each.
#[derive(Debug)]
pub struct Tally {
    quota: Option<Quota>,
    period: Option<Day>,
    used: i64,
    granted: i64,
}

impl Tally {
    pub fn new(quota: Option<Quota>) -> Self {
        Self {
            quota,
            period: None,
            used: 0,
            granted: 0,
        }
    }

    /// `[used, remaining]` of this day. Without a quota there is always as much left as fits.
    pub fn add(&mut self, day: Day, counts: &Counts) -> [i64; 2] {
        let Some(quota) = self.quota else {
            return [counts.used, i64::from(i32::MAX)];
        };
        let first = quota.period.first_day(day);
        if self.period != Some(first) {
            let is_first = quota.period.first_day(quota.since) == first;
            (self.period, self.used) = (Some(first), 0);
            self.granted = if is_first { -quota.offset } else { 0 };
        }
        self.used = self.used.saturating_add(counts.used);
        self.granted = self.granted.saturating_add(counts.granted);
        let left = quota
            .limit
            .saturating_add(self.granted)
            .saturating_sub(self.used);
        [counts.used, left.max(0)]
    }
}

/// Adds requests that the data plane let through to the record of `{plan}/{key}` and a day.
pub fn count(desk: &mut Desk<'_>, key: &str, day: Day, used: i64) -> Outcome<()> {
    change(desk, key, day, |record, counts| {
        record.insert("used".to_owned(), counts.used.saturating_add(used).into());
    })
}

/// Gives a key more (or takes some) for the period that `day` is in.
pub fn grant(desk: &mut Desk<'_>, key: &str, day: Day, more: i64) -> Outcome<()> {
    change(desk, key, day, |record, counts| {
        let granted = counts.granted.saturating_add(more);
        record.insert("granted".to_owned(), granted.into());
    })
}

fn change(
    desk: &mut Desk<'_>,
    key: &str,
    day: Day,
    change: impl FnOnce(&mut Record, Counts),
) -> Outcome<()> {
    let id = format!("{key}/{day}");
    let mut record = match desk.get(kind::USAGE, &id)? {
        Some(record) => record,
        None => {
            forget(desk, key, day)?;
            Record::new()
        }
    };
    let counts = counts(Some(&Value::Object(record.clone())));
    change(&mut record, counts);
    desk.put(kind::USAGE, &id, &record)
}

/// The first request of a day deletes what nobody can ask for any more.
fn forget(desk: &mut Desk<'_>, key: &str, day: Day) -> Outcome<()> {
    let oldest = Day(day.0 - KEPT_DAYS).to_string();
    for (id, _) in desk.list(kind::USAGE, &format!("{key}/"))? {
        if id.rsplit('/').next().is_some_and(|day| *day < *oldest) {
            desk.delete(kind::USAGE, &id)?;
        }
    }
    Ok(())
}

/// A year, and the month that its first days may belong to.
const KEPT_DAYS: i64 = 400;

/// What a key has used and was granted in the period that `day` is in.
pub fn in_period(desk: &Desk<'_>, key: &str, quota: Quota, day: Day) -> Outcome<Counts> {
    let first = quota.period.first_day(day);
    let mut sum = Counts::default();
    if quota.period.first_day(quota.since) == first {
        sum.granted = -quota.offset;
    }
    for day in first.until(day) {
        let record = desk.get(kind::USAGE, &format!("{key}/{day}"))?;
        let counts = counts(record.map(Value::Object).as_ref());
        sum.used = sum.used.saturating_add(counts.used);
        sum.granted = sum.granted.saturating_add(counts.granted);
    }
    Ok(sum)
}

/// What a key may still use in the period that `day` is in; none: there is no quota.
pub fn allowance(
    desk: &Desk<'_>,
    key: &str,
    quota: Option<Quota>,
    day: Day,
) -> Outcome<Option<i64>> {
    let Some(quota) = quota else {
        return Ok(None);
    };
    let mut tally = Tally::new(Some(quota));
    let mut left = quota.limit;
    for day in quota.period.first_day(day).until(day) {
        let record = desk.get(kind::USAGE, &format!("{key}/{day}"))?;
        let counts = counts(record.map(Value::Object).as_ref());
        [_, left] = tally.add(day, &counts);
    }
    Ok(Some(left))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        let check = |text: &str, days: Option<i64>| {
            let found = Day::parse(text);
            assert_eq!(found, days.map(Day), "{text}");
            if let Some(day) = found {
                assert_eq!(day.to_string(), text);
            }
        };
        check("1970-01-01", Some(0));
        check("2000-02-29", Some(11_016));
        check("2026-11-26", Some(20_783));
        check("9999-12-31", Some(2_932_896));
        check("2026-02-29", None);
        check("2026-13-01", None);
        check("2026-1-1", None);
        check("2026-01-01T00:00", None);
        assert_eq!(Day::of(86_399_999), Day(0));
    }

    #[test]
    fn each_day_is_one_more_than_the_day_before() {
        let mut before = Day(-1).civil();
        for day in 0..150_000 {
            let civil = Day(day).civil();
            assert!(civil > before, "{civil:?} after {before:?}");
            let (year, month, of_month) = civil;
            assert_eq!(days_from_civil(year, month, of_month), day);
            before = civil;
        }
    }

    #[test]
    fn periods_begin_on_their_first_day() {
        let check = |period: Period, day: &str, first: &str| {
            let day = Day::parse(day).unwrap();
            assert_eq!(period.first_day(day).to_string(), first);
        };
        check(Period::Day, "2026-11-26", "2026-11-26");
        check(Period::Week, "2026-11-26", "2026-11-22");
        check(Period::Week, "2026-11-22", "2026-11-22");
        check(Period::Month, "2026-11-26", "2026-11-01");
    }

    #[test]
    fn what_remains_goes_down_until_the_next_period() {
        let quota = Quota {
            limit: 10,
            offset: 2,
            period: Period::Week,
            since: Day::parse("2026-11-18").unwrap(),
        };
        let mut tally = Tally::new(Some(quota));
        let mut check = |day: &str, used: i64, granted: i64, left: i64| {
            let counts = Counts { used, granted };
            let day = Day::parse(day).unwrap();
            assert_eq!(tally.add(day, &counts), [used, left], "{day}");
        };
        check("2026-11-20", 3, 0, 5);
        check("2026-11-21", 9, 0, 0);
        check("2026-11-22", 1, 0, 9);
        check("2026-11-23", 4, 5, 10);
        let mut free = Tally::new(None);
        let used = Counts {
            used: 7,
            ..Counts::default()
        };
        assert_eq!(free.add(Day(0), &used), [7, i64::from(i32::MAX)]);
    }
}
