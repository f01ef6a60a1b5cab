//! Methods: which object answers to which name.

use super::run::{Engine, Halt};
use super::tree::LoopProperty;
use crate::lang::value::{Handle, MapId, Number, Value};

impl<'a> Engine<'a, '_> {
    /// Calls a method. `None` when there is none of that name for these arguments; what Java throws
    /// is an error.
    pub(super) fn call(
        &mut self,
        target: &Value<'a>,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        for argument in arguments {
            if let Value::Text(text) = argument {
                self.spend(text.len() / 64)?;
            }
        }
        let found = match target {
            Value::Text(text) => self.text_method(text, name, arguments)?,
            Value::Map(id) => self.map_method(*id, name, arguments)?,
            Value::List(id) => self.list_method(*id, name, arguments)?,
            Value::Number(number) => self.number_method(number, name, arguments)?,
            Value::Bool(value) => bool_method(*value, name, arguments),
            Value::Char(c) => char_method(*c, name, arguments),
            Value::Handle(Handle::Input) => return self.input_method(name, arguments),
            Value::Handle(Handle::Util) => return self.util_method(name, arguments),
            Value::Handle(Handle::Loop(open)) => return self.loop_method(*open, name, arguments),
            Value::Handle(Handle::Block(_)) | Value::Null => None,
        };
        match (found, name, arguments) {
            (Some(found), ..) => Ok(Some(found)),
            (None, "compareTo", [_])
                if matches!(target, Value::Text(_) | Value::Number(_) | Value::Bool(_)) =>
            {
                Err(Halt::error("compareTo: these cannot be compared"))
            }
            (None, "toString", []) => {
                let text = self.text_of(target)?;
                Ok(Some(self.heap.text(text)))
            }
            (None, "equals", [other]) => Ok(Some(Value::Bool(self.equals(target, other)?))),
            _ => Ok(None),
        }
    }

    fn loop_method(
        &mut self,
        open: u32,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let property = match (name, arguments) {
            ("stop", []) => return Err(Halt::BreakLoop(open)),
            ("getIndex", []) => LoopProperty::Index,
            ("getCount", []) => LoopProperty::Count,
            ("hasNext" | "getHasNext" | "isHasNext", []) => LoopProperty::HasNext,
            ("isFirst" | "getFirst", []) => LoopProperty::First,
            ("isLast" | "getLast", []) => LoopProperty::Last,
            ("getParent", []) => LoopProperty::Parent,
            ("getTopmost", []) => LoopProperty::Topmost,
            _ => return Ok(None),
        };
        Ok(self.loop_property(open, property))
    }

    /// Writes an entry; the value that was there before.
    pub(super) fn put(
        &mut self,
        id: MapId,
        key: Value<'a>,
        value: Value<'a>,
    ) -> Result<Option<Value<'a>>, Halt> {
        self.allot(2 * size_of::<Value<'_>>())?;
        self.spend_on_key(id, &key)?;
        Ok(self.heap.map_mut(id).put(key, value))
    }

    fn spend_on_key(&mut self, id: MapId, key: &Value<'a>) -> Result<(), Halt> {
        self.spend(self.heap.map(id).steps_to(key))
    }

    fn get(&mut self, id: MapId, key: &Value<'a>) -> Result<Option<Value<'a>>, Halt> {
        self.spend_on_key(id, key)?;
        Ok(self.heap.map(id).get(key).copied())
    }

    fn map_method(
        &mut self,
        id: MapId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        use crate::lang::value::ListKind;
        let null = Value::Null;
        let map = self.heap.map(id);
        Ok(Some(match (name, arguments) {
            ("size", []) => Value::int(map.len()),
            ("isEmpty", []) => Value::Bool(map.is_empty()),
            ("get", [key]) => self.get(id, key)?.unwrap_or(null),
            ("getOrDefault", [key, other]) => self.get(id, key)?.unwrap_or(*other),
            ("put", [key, value]) => self.put(id, *key, *value)?.unwrap_or(null),
            ("putIfAbsent", [key, value]) => match self.get(id, key)? {
                Some(known) if !matches!(known, Value::Null) => known,
                _ => self.put(id, *key, *value)?.unwrap_or(null),
            },
            ("replace", [key, value]) => match self.get(id, key)? {
                Some(_) => self.put(id, *key, *value)?.unwrap_or(null),
                None => null,
            },
            ("remove", [key]) => {
                self.spend(self.heap.map(id).len() / 8)?;
                self.heap.map_mut(id).remove(key).unwrap_or(null)
            }
            ("containsKey", [key]) => Value::Bool(self.get(id, key)?.is_some()),
            ("containsValue", [value]) => Value::Bool(self.contains_value(id, value)?),
            ("clear", []) => {
                self.heap.map_mut(id).clear();
                Value::EMPTY
            }
            ("putAll", [Value::Map(other)]) => {
                let other = self.heap.map(*other);
                self.has_room(2 * size_of_val(other.keys()))?;
                for (key, value) in { other.keys().to_vec() }
                    .into_iter()
                    .zip(other.values().to_vec())
                {
                    self.spend(1)?;
                    self.put(id, key, value)?;
                }
                Value::EMPTY
            }
            ("keySet", []) => {
                let keys = map.keys().to_vec();
                self.new_list(ListKind::View, keys)?
            }
            ("values", []) => {
                let values = map.values().to_vec();
                self.new_list(ListKind::View, values)?
            }
            ("entrySet", []) => self.entries(id)?,
            _ => return Ok(None),
        }))
    }

    fn contains_value(&mut self, id: MapId, value: &Value<'a>) -> Result<bool, Halt> {
        for place in 0..self.heap.map(id).len() {
            let known = self.heap.map(id).values()[place];
            if self.equals(&known, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn entries(&mut self, id: MapId) -> Result<Value<'a>, Halt> {
        use crate::lang::value::ListKind;
        let mut entries = Vec::new();
        for place in 0..self.heap.map(id).len() {
            self.spend(1)?;
            let map = self.heap.map(id);
            let (key, value) = (map.keys()[place], map.values()[place]);
            entries.push(self.new_list(ListKind::Entry, vec![key, value])?);
        }
        self.new_list(ListKind::View, entries)
    }
}

fn bool_method<'a>(value: bool, name: &str, arguments: &[Value<'a>]) -> Option<Value<'a>> {
    Some(match (name, arguments) {
        ("booleanValue", []) => Value::Bool(value),
        ("compareTo", [Value::Bool(other)]) => compared(value.cmp(other)),
        ("parseBoolean" | "valueOf", [Value::Text(text)]) => {
            Value::Bool(text.eq_ignore_ascii_case("true"))
        }
        _ => return None,
    })
}

fn char_method<'a>(value: char, name: &str, arguments: &[Value<'a>]) -> Option<Value<'a>> {
    Some(match (name, arguments) {
        ("charValue", []) => Value::Char(value),
        ("isDigit", [Value::Char(c)]) => Value::Bool(c.is_numeric()),
        ("isLetter", [Value::Char(c)]) => Value::Bool(c.is_alphabetic()),
        ("isUpperCase", [Value::Char(c)]) => Value::Bool(c.is_uppercase()),
        ("isLowerCase", [Value::Char(c)]) => Value::Bool(c.is_lowercase()),
        ("compareTo", [Value::Char(other)]) => {
            let difference = i64::from(u32::from(value)) - i64::from(u32::from(*other));
            Value::Number(Number::from_i64(difference))
        }
        _ => return None,
    })
}

pub(super) fn compared<'a>(order: std::cmp::Ordering) -> Value<'a> {
    Value::Number(Number::Int(order as i32))
}

/// An argument that Java takes for an `int`.
pub(super) fn int(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Number(Number::Int(value)) => Some(*value),
        _ => None,
    }
}
