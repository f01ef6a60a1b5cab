//! What may stand at the end of a path with parentheses.

use crate::lang::value::{Heap, ListKind, Number, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `length()`, `size()`
    Length,
    Keys,
    Min,
    Max,
    Sum,
    Avg,
    StdDev,
}

impl Function {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Self::Length,
            "keys" => Self::Keys,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "stddev" => Self::StdDev,
            _ => return None,
        })
    }

    /// What it takes to go over the value.
    pub fn steps(self, heap: &Heap<'_>, value: &Value<'_>) -> usize {
        match (self, value) {
            (Self::Length, Value::Text(text)) => text.len() / 64,
            (Self::Length, _) => 0,
            (_, Value::List(id)) => heap.list(*id).items.len(),
            (_, Value::Map(id)) => heap.map(*id).len(),
            _ => 0,
        }
    }

    /// `None` when the value is none that the function can take.
    pub fn apply<'a>(self, heap: &mut Heap<'a>, value: &Value<'a>) -> Option<Value<'a>> {
        match (self, value) {
            (Self::Length, Value::List(id)) => Some(Value::int(heap.list(*id).items.len())),
            (Self::Length, Value::Map(id)) => Some(Value::int(heap.map(*id).len())),
            (Self::Length, Value::Text(text)) => Some(Value::int(text.encode_utf16().count())),
            (Self::Keys, Value::Map(id)) => {
                let keys = heap.map(*id).keys().to_vec();
                Some(heap.keep_list(ListKind::View, keys))
            }
            (Self::Length | Self::Keys, _) => None,
            (_, Value::List(id)) => {
                let items = heap.list(*id).items.iter();
                let numbers: Vec<f64> = items
                    .filter_map(|item| match item {
                        Value::Number(number) => Some(number.as_double()),
                        _ => None,
                    })
                    .collect();
                self.aggregate(&numbers)
                    .map(|value| Value::Number(Number::Double(value)))
            }
            _ => None,
        }
    }

    fn aggregate(self, numbers: &[f64]) -> Option<f64> {
        if numbers.is_empty() {
            return None;
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        Some(match self {
            Self::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Sum => sum,
            Self::Avg => sum / count,
            Self::StdDev => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                let mean = sum / count;
                (squares / count - mean * mean).max(0.0).sqrt()
            }
            Self::Length | Self::Keys => return None,
        })
    }
}
