//! Expressions: values, truth, arithmetic, comparison.

use std::cmp::Ordering;
use std::ops::Range;

use super::run::{Engine, Halt};
use super::tree::{Expression, Link, Literals, Operator};
use crate::lang::value::{Handle, ListKind, Map, Number, Operation, Value};

/// Items a range may have. Nobody can go over more than the rounds of a `#foreach`.
const RANGE_ITEMS_MAX: i128 = 1_000_000;

impl<'a> Engine<'a, '_> {
    pub(super) fn evaluate(&mut self, expression: &'a Expression) -> Result<Value<'a>, Halt> {
        self.spend(1)?;
        Ok(match expression {
            Expression::Quoted(text) => Value::Text(text),
            Expression::Integer(value) => Value::Number(Number::from_i128(*value)),
            Expression::Float(value) => Value::Number(Number::Double(*value)),
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Nothing => Value::Null,
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::Interpolated(block, has_blank) => {
                let mut out = String::new();
                self.block(block, &mut out)?;
                if *has_blank {
                    out.pop();
                }
                self.new_text(out)?
            }
            Expression::List(items) => {
                self.enter()?;
                let items = items.iter().map(|item| self.evaluate(item));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                self.leave();
                self.new_list(ListKind::Plain, items)?
            }
            Expression::Map(entries) => self.map(entries)?,
            Expression::Range(bounds) => self.range(&bounds.0, &bounds.1)?,
            Expression::Not(_) | Expression::And(_) | Expression::Or(_) => {
                Value::Bool(self.is_true(expression)?)
            }
            Expression::Chain(first, links) => {
                self.enter()?;
                let mut value = self.evaluate(first)?;
                for link in links {
                    let right = self.evaluate(&link.right)?;
                    value = self.operate(value, link, right)?;
                }
                self.leave();
                value
            }
        })
    }

    /// Whether a condition holds. Only references and booleans can: `#if("x")` does not.
    pub(super) fn is_true(&mut self, expression: &'a Expression) -> Result<bool, Halt> {
        self.spend(1)?;
        self.enter()?;
        let truth = match expression {
            Expression::Bool(value) => *value,
            Expression::Reference(reference) => match self.reference(reference)? {
                Value::Bool(value) => value,
                Value::Null => false,
                // Whether it has a text is found out by running it.
                Value::Handle(Handle::Block(block)) => {
                    let mut out = String::new();
                    let has_text = self.print_block(block, &mut out)?;
                    self.allot(out.len())?;
                    has_text
                }
                _ => true,
            },
            Expression::Not(inner) => !self.is_true(inner)?,
            Expression::And(parts) => {
                let mut all = true;
                for part in parts {
                    if !self.is_true(part)? {
                        all = false;
                        break;
                    }
                }
                all
            }
            Expression::Or(parts) => {
                let mut any = false;
                for part in parts {
                    if self.is_true(part)? {
                        any = true;
                        break;
                    }
                }
                any
            }
            // Arithmetic is no condition; it is not even calculated.
            Expression::Chain(_, links) if links.last().is_some_and(Link::calculates) => false,
            Expression::Chain(..) => matches!(self.evaluate(expression)?, Value::Bool(true)),
            _ => false,
        };
        self.leave();
        Ok(truth)
    }

    fn operate(
        &mut self,
        left: Value<'a>,
        link: &Link,
        right: Value<'a>,
    ) -> Result<Value<'a>, Halt> {
        Ok(match link.operator {
            Operator::Equal => Value::Bool(self.equal(&left, &right)?),
            Operator::NotEqual => Value::Bool(!self.equal(&left, &right)?),
            Operator::Calculate(operation) => self.calculate(left, operation, link, right)?,
            _ => {
                let (Value::Number(left), Value::Number(right)) = (&left, &right) else {
                    return Ok(Value::Bool(false));
                };
                let order = left.compare(right);
                Value::Bool(match link.operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::LessOrEqual => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
        })
    }

    /// A text with anything is joined, two numbers are calculated, all else is nothing.
    fn calculate(
        &mut self,
        left: Value<'a>,
        operation: Operation,
        link: &Link,
        right: Value<'a>,
    ) -> Result<Value<'a>, Halt> {
        if operation == Operation::Add
            && (matches!(left, Value::Text(_)) || matches!(right, Value::Text(_)))
        {
            let mut out = match left {
                Value::Null => self.words(link, |literals| literals.left.clone()),
                left => self.text_of(&left)?,
            };
            let right = match right {
                Value::Null => self.words(link, |literals| literals.right.clone()),
                right => self.text_of(&right)?,
            };
            out.push_str(&right);
            return self.new_text(out);
        }
        Ok(match (left, right) {
            (Value::Number(left), Value::Number(right)) => left
                .calculate(operation, &right)
                .map_or(Value::Null, Value::Number),
            _ => Value::Null,
        })
    }

    /// What stands in the template for a side of `+` that has no value.
    fn words(&self, link: &Link, side: impl Fn(&Literals) -> Range<usize>) -> String {
        let words = link.literals.as_ref().and_then(|literals| {
            let source = self.tree.sources.get(literals.source)?;
            source.get(side(literals))
        });
        words.unwrap_or_default().to_owned()
    }

    /// Velocity's equality: numbers by value, things of one class by Java's `equals`, all else by
    /// their texts.
    pub(super) fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Halt> {
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (Value::Number(left), Value::Number(right)) => left.compare(right).is_eq(),
            (Value::Text(left), Value::Text(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                self.spend(left.len() / 64)?;
                left == right
            }
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Map(_), Value::Map(_)) => self.equals(left, right)?,
            (Value::List(left_id), Value::List(right_id))
                if self.is_related(*left_id, *right_id) =>
            {
                self.equals(left, right)?
            }
            _ => self.text_of(left)? == self.text_of(right)?,
        })
    }

    /// Whether one class is the other's: `JSONArray` is an `ArrayList`.
    fn is_related(
        &self,
        left: crate::lang::value::ListId,
        right: crate::lang::value::ListId,
    ) -> bool {
        let is_list = |kind| matches!(kind, ListKind::Json | ListKind::Plain);
        let (left, right) = (self.heap.list(left).kind, self.heap.list(right).kind);
        left == right || is_list(left) && is_list(right)
    }

    pub(super) fn new_list(
        &mut self,
        kind: ListKind,
        items: Vec<Value<'a>>,
    ) -> Result<Value<'a>, Halt> {
        self.allot(64 + items.len() * size_of::<Value<'_>>())?;
        Ok(self.heap.keep_list(kind, items))
    }

    fn map(&mut self, entries: &'a [(Expression, Expression)]) -> Result<Value<'a>, Halt> {
        self.enter()?;
        let mut map = Map::new();
        for (key, value) in entries {
            let key = self.evaluate(key)?;
            let value = self.evaluate(value)?;
            self.spend(map.members().steps_to(&key))?;
            map.put(key, value);
        }
        self.leave();
        self.allot(128 + entries.len() * 2 * size_of::<Value<'_>>())?;
        Ok(Value::Map(self.heap.keep_map(map)))
    }

    /// `[1..3]`, also downwards; nothing when a bound is no integer.
    fn range(&mut self, from: &'a Expression, to: &'a Expression) -> Result<Value<'a>, Halt> {
        let from = self.evaluate(from)?;
        let to = self.evaluate(to)?;
        let bound = |value: &Value<'_>| match value {
            Value::Number(number) => number.as_integer(),
            _ => None,
        };
        let (Some(from), Some(to)) = (bound(&from), bound(&to)) else {
            return Ok(Value::Null);
        };
        let length = from.abs_diff(to);
        if length > RANGE_ITEMS_MAX.unsigned_abs() {
            return Err(Halt::runaway("the range is too long"));
        }
        let count = usize::try_from(length).unwrap_or(0) + 1;
        self.spend(count / 16)?;
        let step = if from <= to { 1 } else { -1 };
        let items =
            (0..count as i128).map(|index| Value::Number(Number::from_i128(from + step * index)));
        let items = items.collect();
        self.new_list(ListKind::Plain, items)
    }
}
