//! Condition operators: how one value of the request is compared with one of the policy.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::lang::policy::Context;
use crate::lang::policy::document::ResourcePattern;
use crate::lang::policy::pattern::{Case, Pattern, Syntax};

/// A comparison without its negation, so that `StringNotEquals` is `Text` negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Text {
        wildcards: bool,
        case: Case,
    },
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    /// Whether there is no such key.
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Name, operator, whether it is negated.
pub(crate) const OPERATORS: &[(&str, Operator, bool)] = &[
    ("StringEquals", text(false, Case::Exact), false),
    ("StringNotEquals", text(false, Case::Exact), true),
    ("StringEqualsIgnoreCase", text(false, Case::Blind), false),
    ("StringNotEqualsIgnoreCase", text(false, Case::Blind), true),
    ("StringLike", text(true, Case::Exact), false),
    ("StringNotLike", text(true, Case::Exact), true),
    // "ArnEquals and ArnLike behave identically."
    ("ArnEquals", Operator::Arn, false),
    ("ArnLike", Operator::Arn, false),
    ("ArnNotEquals", Operator::Arn, true),
    ("ArnNotLike", Operator::Arn, true),
    ("NumericEquals", Operator::Number(Order::Equal), false),
    ("NumericNotEquals", Operator::Number(Order::Equal), true),
    ("NumericLessThan", Operator::Number(Order::Less), false),
    (
        "NumericLessThanEquals",
        Operator::Number(Order::LessOrEqual),
        false,
    ),
    (
        "NumericGreaterThan",
        Operator::Number(Order::Greater),
        false,
    ),
    (
        "NumericGreaterThanEquals",
        Operator::Number(Order::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Operator::Date(Order::Equal), false),
    ("DateNotEquals", Operator::Date(Order::Equal), true),
    ("DateLessThan", Operator::Date(Order::Less), false),
    (
        "DateLessThanEquals",
        Operator::Date(Order::LessOrEqual),
        false,
    ),
    ("DateGreaterThan", Operator::Date(Order::Greater), false),
    (
        "DateGreaterThanEquals",
        Operator::Date(Order::GreaterOrEqual),
        false,
    ),
    ("Bool", Operator::Bool, false),
    ("BinaryEquals", Operator::Binary, false),
    ("IpAddress", Operator::Address, false),
    ("NotIpAddress", Operator::Address, true),
    ("Null", Operator::Null, false),
];

const fn text(wildcards: bool, case: Case) -> Operator {
    Operator::Text { wildcards, case }
}

/// One value of the policy, read once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(Pattern, Case),
    Arn(ResourcePattern),
    Number(f64, Order),
    Date(i64, Order),
    Bool(bool),
    Binary(String),
    Address(Network),
}

/// Numbers of a policy are never NaN, so they equal themselves.
impl Eq for Operand {}

impl Operand {
    /// `None` when `value` does not fit the operator.
    pub(crate) fn parse(operator: Operator, value: &str, syntax: Syntax) -> Option<Self> {
        Some(match operator {
            Operator::Text { wildcards, case } => Self::Text(
                Pattern::parse(
                    value,
                    Syntax {
                        wildcards,
                        ..syntax
                    },
                ),
                case,
            ),
            Operator::Arn => Self::Arn(ResourcePattern::parse(value, syntax)),
            Operator::Number(order) => Self::Number(number(value)?, order),
            Operator::Date(order) => Self::Date(date(value)?, order),
            Operator::Bool | Operator::Null => Self::Bool(boolean(value)?),
            Operator::Binary => Self::Binary(value.to_owned()),
            Operator::Address => Self::Address(Network::parse(value)?),
        })
    }

    /// Whether a value of the request is what the policy says. One that cannot be read is not.
    pub(crate) fn matches(&self, value: &str, context: &Context) -> bool {
        match self {
            Self::Text(pattern, case) => pattern.matches(value, *case, context),
            Self::Arn(pattern) => resource_matches(pattern, value, context),
            Self::Number(wanted, order) => {
                number(value).is_some_and(|found| holds(&found, wanted, *order))
            }
            Self::Date(wanted, order) => {
                date(value).is_some_and(|found| holds(&found, wanted, *order))
            }
            Self::Bool(wanted) => boolean(value) == Some(*wanted),
            Self::Binary(wanted) => wanted == value,
            Self::Address(network) => value
                .parse()
                .is_ok_and(|address: IpAddr| network.contains(address)),
        }
    }
}

pub(crate) fn resource_matches(
    pattern: &ResourcePattern,
    resource: &str,
    context: &Context,
) -> bool {
    match pattern {
        ResourcePattern::Whole(pattern) => pattern.matches(resource, Case::Exact, context),
        ResourcePattern::Parts(patterns) => {
            let parts: Vec<&str> = resource.splitn(6, ':').collect();
            parts.len() == patterns.len()
                && patterns
                    .iter()
                    .zip(parts)
                    .all(|(pattern, part)| pattern.matches(part, Case::Exact, context))
        }
    }
}

fn holds<T: PartialOrd>(found: &T, wanted: &T, order: Order) -> bool {
    match order {
        Order::Equal => found == wanted,
        Order::Less => found < wanted,
        Order::LessOrEqual => found <= wanted,
        Order::Greater => found > wanted,
        Order::GreaterOrEqual => found >= wanted,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        text.eq_ignore_ascii_case("false").then_some(false)
    }
}

/// Milliseconds since 1970 of an ISO 8601 moment or day, or of seconds since 1970.
fn date(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1_000);
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let day = text.parse::<Date>().ok()?;
    let midnight = day.to_zoned(TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

/// `203.0.113.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Self { address, bits })
    }

    fn contains(&self, other: IpAddr) -> bool {
        // A client of a dual-stack socket may look like `::ffff:203.0.113.7`.
        let other = other.to_canonical();
        let shift = width(self.address) - self.bits;
        width(self.address) == width(other)
            && number_of(self.address).checked_shr(shift) == number_of(other).checked_shr(shift)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}
