//! Numbers as Java has them: which class a result is, how it prints, how it compares.

use std::cmp::Ordering;

/// Integers grow from `Integer` over `Long` to `BigInteger` as they need; this one ends at 128 bits.
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    Int(i32),
    Long(i64),
    Big(Wide),
    Double(f64),
    /// `BigDecimal`, as it was written. Arithmetic on it is that of doubles.
    Decimal(&'a str),
}

/// 128 bits in two halves: aligned as they are, a value takes half the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide {
    high: i64,
    low: u64,
}

impl Wide {
    pub fn new(value: i128) -> Self {
        Self {
            high: (value >> 64) as i64,
            low: value as u64,
        }
    }

    pub fn get(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl<'a> Number<'a> {
    pub fn from_i64(value: i64) -> Self {
        i32::try_from(value).map_or(Self::Long(value), Self::Int)
    }

    /// The smallest class that holds it.
    pub fn from_i128(value: i128) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Big(Wide::new(value)), Self::from_i64)
    }

    /// An integer of any length, `None` beyond 128 bits.
    pub fn parse_integer(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_i128)
    }

    pub fn as_double(&self) -> f64 {
        match self {
            Self::Int(value) => f64::from(*value),
            Self::Long(value) => *value as f64,
            Self::Big(value) => value.get() as f64,
            Self::Double(value) => *value,
            Self::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(*value)),
            Self::Long(value) => Some(i128::from(*value)),
            Self::Big(value) => Some(value.get()),
            Self::Double(_) | Self::Decimal(_) => None,
        }
    }

    /// Velocity's arithmetic. `None` for a division by zero and for what 128 bits cannot hold.
    pub fn calculate(&self, operation: Operation, other: &Self) -> Option<Self> {
        let (Some(left), Some(right)) = (self.as_integer(), other.as_integer()) else {
            return decimal(self.as_double(), operation, other.as_double());
        };
        let result = match operation {
            Operation::Add => left.checked_add(right),
            Operation::Subtract => left.checked_sub(right),
            Operation::Multiply => left.checked_mul(right),
            Operation::Divide => left.checked_div(right),
            Operation::Modulo => left.checked_rem(right),
        }?;
        Some(Self::wrap(result, self.width().max(other.width())))
    }

    /// The result is of the wider class of both, or of the next one that holds it.
    fn wrap(value: i128, width: u8) -> Self {
        match width {
            0 => Self::from_i128(value),
            1 => i64::try_from(value).map_or_else(|_| Self::Big(Wide::new(value)), Self::Long),
            _ => Self::Big(Wide::new(value)),
        }
    }

    fn width(&self) -> u8 {
        match self {
            Self::Int(_) => 0,
            Self::Long(_) => 1,
            _ => 2,
        }
    }

    /// Velocity's comparison across all classes.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.as_integer(), other.as_integer()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => {
                let (left, right) = (self.as_double(), other.as_double());
                left.partial_cmp(&right).unwrap_or(Ordering::Equal)
            }
        }
    }

    /// Java's `equals`: never true between classes.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Long(left), Self::Long(right)) => left == right,
            (Self::Big(left), Self::Big(right)) => left == right,
            (Self::Double(left), Self::Double(right)) => left.to_bits() == right.to_bits(),
            (Self::Decimal(left), Self::Decimal(right)) => left == right,
            _ => false,
        }
    }

    /// As `toString` prints it.
    pub fn print(&self, out: &mut String) {
        use std::fmt::Write as _;
        // Writing into a text cannot fail.
        let _ = match self {
            Self::Int(value @ 0..=9) => {
                out.push(char::from(b'0' + *value as u8));
                Ok(())
            }
            Self::Int(value) => {
                print_integer(out, i64::from(*value));
                Ok(())
            }
            Self::Long(value) => {
                print_integer(out, *value);
                Ok(())
            }
            Self::Big(value) => write!(out, "{}", value.get()),
            Self::Double(value) => {
                print_double(out, *value);
                Ok(())
            }
            Self::Decimal(text) => {
                out.push_str(text);
                Ok(())
            }
        };
    }
}

fn decimal<'a>(left: f64, operation: Operation, right: f64) -> Option<Number<'a>> {
    let result = match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide if right == 0.0 => return None,
        Operation::Divide => left / right,
        Operation::Modulo if right == 0.0 => return None,
        Operation::Modulo => left % right,
    };
    Some(Number::Double(result))
}

fn print_integer(out: &mut String, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0 {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// The digits of a number that has at most six decimals, and how many of them are those. No other number
/// of as many digits is nearer to it, so these are the fewest that mean it.
fn few_decimals(value: f64) -> Option<(u64, usize)> {
    let mut power = 1.0;
    for decimals in 1..=6 {
        power *= 10.0;
        let digits = (value * power + 0.5) as i64;
        // Both are exact, so the division gives what these digits mean.
        if digits as f64 / power == value {
            return Some((digits.unsigned_abs(), decimals));
        }
    }
    None
}

fn print_decimals(out: &mut String, digits: u64, decimals: usize) {
    let mut text = [b'0'; 24];
    let mut at = text.len();
    let mut rest = digits;
    while rest > 0 || at + decimals + 1 >= text.len() {
        at -= 1;
        if at + decimals + 1 == text.len() {
            text[at] = b'.';
        } else {
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    out.push_str(std::str::from_utf8(&text[at..]).unwrap_or_default());
}

/// Java's `Double.toString`: digits and point from 0.001 to 10,000,000, else with an exponent.
fn print_double(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let value = value.abs();
    if value.is_infinite() {
        out.push_str("Infinity");
    } else if value == 0.0 {
        out.push_str("0.0");
    } else if (1e-3..1e7).contains(&value) {
        if let Some((digits, decimals)) = few_decimals(value) {
            return print_decimals(out, digits, decimals);
        }
        use std::fmt::Write as _;
        let start = out.len();
        // Writing into a text cannot fail.
        let _ = write!(out, "{value}");
        if !out[start..].contains('.') {
            out.push_str(".0");
        }
    } else {
        let scientific = format!("{value:E}");
        let (digits, exponent) = scientific.split_once('E').unwrap_or((&scientific, "0"));
        out.push_str(digits);
        if !digits.contains('.') {
            out.push_str(".0");
        }
        out.push('E');
        out.push_str(exponent);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, expected: &str) {
        let mut out = String::new();
        Number::Double(value).print(&mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn doubles_print_as_javas() {
        check(1.0, "1.0");
        check(-0.5, "-0.5");
        check(1e-7, "1.0E-7");
        check(1234567.0, "1234567.0");
        check(12345678.0, "1.2345678E7");
        check(0.001, "0.001");
        check(0.00012, "1.2E-4");
        check(1e21, "1.0E21");
        check(-0.0, "-0.0");
    }

    /// The short way prints what the long one does.
    #[test]
    fn doubles_with_few_decimals_print_as_all_others() {
        let mut seed = 5_u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let decimals = (seed >> 33) % 9;
            let digits = (seed >> 34) % 10_u64.pow(2 + (seed >> 50) as u32 % 11);
            let value = digits as f64 / 10_f64.powi(decimals as i32);
            let beside = f64::from_bits(value.to_bits() + 1);
            for value in [value, beside] {
                if (1e-3..1e7).contains(&value) {
                    let plain = value.to_string();
                    let point = if plain.contains('.') { "" } else { ".0" };
                    check(value, &format!("{plain}{point}"));
                }
            }
        }
    }

    #[test]
    fn integers_print_whole() {
        for value in [0, 7, 10, -1, 100, 2_147_483_648, i64::MIN, i64::MAX, -99] {
            let mut out = String::new();
            Number::from_i64(value).print(&mut out);
            assert_eq!(out, value.to_string());
        }
    }

    #[test]
    fn values_are_small() {
        assert!(size_of::<crate::lang::value::Value<'_>>() <= 24);
        for value in [0, -1, i128::MIN, i128::MAX, i128::from(u64::MAX), -1 << 64] {
            assert_eq!(Wide::new(value).get(), value);
        }
    }

    #[test]
    fn integers_grow_as_they_need() {
        let sum = Number::Int(i32::MAX).calculate(Operation::Add, &Number::Int(1));
        assert!(matches!(sum, Some(Number::Long(2_147_483_648))));
        let sum = Number::Long(i64::MAX).calculate(Operation::Add, &Number::Int(1));
        assert!(matches!(sum, Some(Number::Big(_))));
        let quotient = Number::Int(-7).calculate(Operation::Divide, &Number::Int(2));
        assert!(matches!(quotient, Some(Number::Int(-3))));
        assert!(
            Number::Int(1)
                .calculate(Operation::Modulo, &Number::Int(0))
                .is_none()
        );
        assert!(
            Number::Big(Wide::new(i128::MAX))
                .calculate(Operation::Add, &Number::Int(1))
                .is_none()
        );
    }
}
