//! Filters: `[?(@.price < 10 && @.name =~ /a.*/i)]`.

use crate::lang::pattern::Pattern;
use crate::lang::value::{Heap, Number, Value};

use super::parse::Reader;
use super::{Left, Path, PathError, TooMuch, walk};

/// How deep values are compared; JSON cannot be deeper.
const COMPARE_DEPTH: usize = 128;

/// Bytes of a text that are gone over for the price of one value.
const TEXT_BYTES_A_VISIT: usize = 64;

/// What one look of a pattern at a text takes, as visits.
const LOOK_VISITS: usize = 4;

/// A list or map whose text is longer than this matches no pattern, it ends the reading.
const PRINTED_BYTES_MAX: usize = 1024 * 1024;

/// Parentheses and negations in one filter.
const NESTING_MAX: usize = 32;

#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
}

#[derive(Clone, Debug)]
enum Expression {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    /// A path on its own: whether there is something.
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug)]
enum Operand {
    /// `@…`
    Here(Path),
    /// `$…`
    Root(Path),
    Text(Box<str>),
    Number(f64),
    Bool(bool),
    Null,
    Pattern(Box<Pattern>),
    List(Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=~", Comparison::Matches),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("in", Comparison::In),
    ("nin", Comparison::NotIn),
    ("contains", Comparison::Contains),
    ("size", Comparison::Size),
    ("empty", Comparison::Empty),
];

/// An operand with a value.
enum Found<'f> {
    Value(Value<'f>),
    Pattern(&'f Pattern),
    List(Vec<Value<'f>>),
    /// A path that leads nowhere.
    Nothing,
}

impl Filter {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, PathError> {
        Ok(Self {
            expression: or(reader, 0)?,
        })
    }

    pub(super) fn accepts<'a>(
        &self,
        heap: &mut Heap<'a>,
        root: &Value<'a>,
        at: &Value<'a>,
        left: &mut Left,
    ) -> Result<bool, TooMuch> {
        Look {
            heap,
            root,
            at,
            left,
        }
        .holds(&self.expression)
    }
}

fn or(reader: &mut Reader<'_>, nesting: usize) -> Result<Expression, PathError> {
    let mut parts = vec![and(reader, nesting)?];
    while eat(reader, "||") {
        parts.push(and(reader, nesting)?);
    }
    Ok(Expression::Or(parts))
}

fn and(reader: &mut Reader<'_>, nesting: usize) -> Result<Expression, PathError> {
    let mut parts = vec![term(reader, nesting)?];
    while eat(reader, "&&") {
        parts.push(term(reader, nesting)?);
    }
    Ok(Expression::And(parts))
}

fn term(reader: &mut Reader<'_>, nesting: usize) -> Result<Expression, PathError> {
    if nesting > NESTING_MAX {
        return Err(reader.wrong("too deeply nested"));
    }
    if eat(reader, "!") {
        return Ok(Expression::Not(Box::new(term(reader, nesting + 1)?)));
    }
    if eat(reader, "(") {
        let inner = or(reader, nesting + 1)?;
        reader.expect(")", "`)` expected")?;
        return Ok(inner);
    }
    let left = operand(reader, nesting)?;
    reader.blanks();
    let found = COMPARISONS
        .iter()
        .find(|(sign, _)| reader.rest().starts_with(sign));
    let Some((sign, comparison)) = found else {
        return Ok(Expression::Exists(left));
    };
    reader.at += sign.len();
    Ok(Expression::Compare(
        left,
        *comparison,
        operand(reader, nesting)?,
    ))
}

fn eat(reader: &mut Reader<'_>, expected: &str) -> bool {
    reader.blanks();
    reader.eat(expected)
}

fn operand(reader: &mut Reader<'_>, nesting: usize) -> Result<Operand, PathError> {
    if nesting > NESTING_MAX {
        return Err(reader.wrong("too deeply nested"));
    }
    reader.blanks();
    match reader.peek() {
        Some('@') => {
            reader.at += 1;
            Ok(Operand::Here(reader.steps(true)?))
        }
        Some('$') => {
            reader.at += 1;
            Ok(Operand::Root(reader.steps(true)?))
        }
        Some('\'' | '"') => Ok(Operand::Text(reader.quoted()?.into())),
        Some('/') => regex(reader),
        Some('[') => {
            reader.at += 1;
            let mut items = Vec::new();
            while !eat(reader, "]") {
                items.push(operand(reader, nesting + 1)?);
                if !eat(reader, ",") && !reader.rest().starts_with(']') {
                    return Err(reader.wrong("`]` expected"));
                }
            }
            Ok(Operand::List(items))
        }
        _ => word(reader),
    }
}

fn word(reader: &mut Reader<'_>) -> Result<Operand, PathError> {
    let rest = reader.rest();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let word = &rest[..end.unwrap_or(rest.len())];
    let found = match word {
        "true" => Operand::Bool(true),
        "false" => Operand::Bool(false),
        "null" => Operand::Null,
        _ => match word.parse() {
            Ok(number) => Operand::Number(number),
            Err(_) => return Err(reader.wrong("a value expected")),
        },
    };
    reader.at += word.len();
    Ok(found)
}

/// `/…/i`
fn regex(reader: &mut Reader<'_>) -> Result<Operand, PathError> {
    let rest = &reader.rest()[1..];
    let mut escaped = false;
    let end = rest.find(|c| {
        let ends = c == '/' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = end.ok_or_else(|| reader.wrong("a pattern without an end"))?;
    let source = rest[..end].replace("\\/", "/");
    let flags = rest[end + 1..].chars();
    let flags: String = flags.take_while(|c| "idmsux".contains(*c)).collect();
    let source = if flags.is_empty() {
        source
    } else {
        format!("(?{}){source}", flags.replace(['d', 'u'], ""))
    };
    let source = source.replacen("(?)", "", 1);
    let pattern = Pattern::full(&source).map_err(|_| reader.wrong("a wrong pattern"))?;
    reader.at += end + 2 + flags.len();
    Ok(Operand::Pattern(Box::new(pattern)))
}

struct Look<'l, 'a> {
    heap: &'l mut Heap<'a>,
    root: &'l Value<'a>,
    at: &'l Value<'a>,
    left: &'l mut Left,
}

impl<'a> Look<'_, 'a> {
    fn holds(&mut self, expression: &Expression) -> Result<bool, TooMuch> {
        match expression {
            Expression::Or(parts) => {
                for part in parts {
                    if self.holds(part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expression::And(parts) => {
                for part in parts {
                    if !self.holds(part)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Expression::Not(inner) => Ok(!self.holds(inner)?),
            Expression::Exists(operand) => {
                self.left.visit(1)?;
                Ok(!matches!(self.find(operand)?, Found::Nothing))
            }
            Expression::Compare(left, comparison, right) => {
                let left = self.find(left)?;
                let right = self.find(right)?;
                self.compare(left, *comparison, right)
            }
        }
    }

    fn find<'f>(&mut self, operand: &'f Operand) -> Result<Found<'f>, TooMuch>
    where
        'a: 'f,
    {
        let value = match operand {
            Operand::Here(path) => walk::read(path, self.heap, self.root, self.at, self.left)?,
            Operand::Root(path) => walk::read(path, self.heap, self.root, self.root, self.left)?,
            Operand::Text(text) => Some(Value::Text(text)),
            Operand::Number(number) => Some(Value::Number(Number::Double(*number))),
            Operand::Bool(value) => Some(Value::Bool(*value)),
            Operand::Null => Some(Value::Null),
            Operand::Pattern(pattern) => return Ok(Found::Pattern(pattern)),
            Operand::List(items) => {
                let mut found = Vec::new();
                for item in items {
                    if let Found::Value(value) = self.find(item)? {
                        found.push(value);
                    }
                }
                return Ok(Found::List(found));
            }
        };
        Ok(value.map_or(Found::Nothing, Found::Value))
    }

    fn compare(
        &mut self,
        left: Found<'_>,
        comparison: Comparison,
        right: Found<'_>,
    ) -> Result<bool, TooMuch> {
        self.left
            .visit(1 + left.text_steps() + right.text_steps())?;
        Ok(match (comparison, &left, &right) {
            (Comparison::Matches, Found::Value(value), Found::Pattern(pattern))
            | (Comparison::Matches, Found::Pattern(pattern), Found::Value(value)) => {
                self.matches(value, pattern)?
            }
            (Comparison::In, Found::Value(value), _) => self.is_among(value, &right)?,
            (Comparison::NotIn, Found::Value(value), _) => !self.is_among(value, &right)?,
            (Comparison::NotIn, Found::Nothing, _) => true,
            (Comparison::Contains, Found::Value(Value::Text(text)), Found::Value(part)) => {
                part.as_text().is_some_and(|part| text.contains(part))
            }
            (Comparison::Contains, _, Found::Value(value)) => self.is_among(value, &left)?,
            (Comparison::Size, Found::Value(value), Found::Value(Value::Number(size))) => self
                .length(value)
                .is_some_and(|length| length as f64 == size.as_double()),
            (Comparison::Empty, Found::Value(value), Found::Value(Value::Bool(expected))) => self
                .length(value)
                .is_some_and(|length| (length == 0) == *expected),
            (Comparison::Equal, Found::Value(left), Found::Value(right)) => {
                self.equal(left, right)?
            }
            (Comparison::NotEqual, Found::Value(left), Found::Value(right)) => {
                !self.equal(left, right)?
            }
            (_, Found::Value(left), Found::Value(right)) => ordered(left, comparison, right),
            _ => false,
        })
    }

    fn matches(&mut self, value: &Value<'_>, pattern: &Pattern) -> Result<bool, TooMuch> {
        let mut printed = String::new();
        let text = match value {
            Value::Text(text) => text,
            _ => {
                if !self.heap.print(&mut printed, value, PRINTED_BYTES_MAX) {
                    return Err(TooMuch);
                }
                self.left.visit(printed.len() / TEXT_BYTES_A_VISIT)?;
                &*printed
            }
        };
        let before = self.left.visits / LOOK_VISITS;
        let mut looks = before;
        let found = pattern.is_match_within(text, &mut looks);
        let found = found.map_err(|_| TooMuch)?;
        self.left.visit((before - looks) * LOOK_VISITS)?;
        Ok(found)
    }

    fn is_among(&mut self, value: &Value<'_>, list: &Found<'_>) -> Result<bool, TooMuch> {
        let items = match list {
            Found::List(items) => items.as_slice(),
            Found::Value(Value::List(id)) => self.heap.list(*id).items,
            _ => return Ok(false),
        };
        for item in items {
            if equal(self.heap, value, item, &mut self.left.visits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn equal(&mut self, left: &Value<'_>, right: &Value<'_>) -> Result<bool, TooMuch> {
        equal(self.heap, left, right, &mut self.left.visits)
    }

    fn length(&self, value: &Value<'_>) -> Option<usize> {
        match value {
            Value::List(id) => Some(self.heap.list(*id).items.len()),
            Value::Map(id) => Some(self.heap.map(*id).len()),
            Value::Text(text) => Some(text.encode_utf16().count()),
            _ => None,
        }
    }
}

impl Found<'_> {
    fn text_steps(&self) -> usize {
        match self {
            Self::Value(Value::Text(text)) => text.len() / TEXT_BYTES_A_VISIT,
            _ => 0,
        }
    }
}

/// Numbers across classes, and with texts that are numbers.
fn equal(
    heap: &Heap<'_>,
    left: &Value<'_>,
    right: &Value<'_>,
    visits: &mut usize,
) -> Result<bool, TooMuch> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            *visits = visits.checked_sub(1).ok_or(TooMuch)?;
            Ok(left.compare(right).is_eq())
        }
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            let steps = 1 + text.len() / TEXT_BYTES_A_VISIT;
            *visits = visits.checked_sub(steps).ok_or(TooMuch)?;
            Ok(text.trim().parse() == Ok(number.as_double()))
        }
        _ => {
            let outcome = heap.equals(left, right, COMPARE_DEPTH, visits);
            outcome.ok_or(TooMuch)
        }
    }
}

/// Only numbers with numbers and texts with texts have an order.
fn ordered(left: &Value<'_>, comparison: Comparison, right: &Value<'_>) -> bool {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.compare(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        _ => return false,
    };
    match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        _ => false,
    }
}
