//! Methods of lists, arrays and the views of maps.

use super::method::int;
use super::run::{Engine, Halt};
use crate::lang::value::{ListId, ListKind, Style, Value};

impl<'a> Engine<'a, '_> {
    pub(super) fn list_method(
        &mut self,
        id: ListId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let kind = self.heap.list(id).kind;
        if kind == ListKind::Entry {
            return self.entry_method(id, name, arguments);
        }
        if let Some(found) = self.read_list(id, name, arguments)? {
            return Ok(Some(found));
        }
        match kind {
            ListKind::Json | ListKind::Plain => self.write_list(id, name, arguments),
            // An array has a fixed length.
            ListKind::Array if name == "set" => self.write_list(id, name, arguments),
            ListKind::Array if matches!(name, "add" | "remove" | "clear") => {
                Err(Halt::error("an array cannot change its length"))
            }
            ListKind::View if matches!(name, "add" | "addAll") => {
                Err(Halt::error("nothing can be added to a view of a map"))
            }
            _ => Ok(None),
        }
    }

    /// What every collection can.
    fn read_list(
        &mut self,
        id: ListId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let list = self.heap.list(id);
        let is_list = list.kind != ListKind::View;
        Ok(Some(match (name, arguments) {
            ("size", []) => Value::int(list.items.len()),
            ("isEmpty", []) => Value::Bool(list.items.is_empty()),
            ("get", [index]) if is_list => match int(index) {
                Some(index) => self.heap.list(id).items[self.place(id, index)?],
                None => return Ok(None),
            },
            ("contains", [item]) => Value::Bool(self.find(id, item, false)?.is_some()),
            ("indexOf", [item]) if is_list => found_at(self.find(id, item, false)?),
            ("lastIndexOf", [item]) if is_list => found_at(self.find(id, item, true)?),
            ("containsAll", [Value::List(others)]) => {
                self.spend(self.heap.list(*others).items.len())?;
                let mut all = true;
                for item in self.heap.list(*others).items.to_vec() {
                    all &= self.find(id, &item, false)?.is_some();
                }
                Value::Bool(all)
            }
            ("addAll" | "containsAll" | "removeAll" | "retainAll", [Value::Null]) => {
                return Err(Halt::error(format!("{name}: an argument is null")));
            }
            ("subList", [from, to]) if is_list => match (int(from), int(to)) {
                (Some(from), Some(to)) => self.sub_list(id, from, to)?,
                _ => return Ok(None),
            },
            ("iterator" | "toArray" | "listIterator", []) => Value::List(id),
            ("toJSONString", []) if list.kind == ListKind::Json => {
                let mut out = String::new();
                let max = self.memory_left();
                let value = Value::List(id);
                self.heap.write_json(&mut out, &value, Style::Web, max);
                self.new_text(out)?
            }
            _ => return Ok(None),
        }))
    }

    fn write_list(
        &mut self,
        id: ListId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let length = self.heap.list(id).items.len();
        Ok(Some(match (name, arguments) {
            ("add", [item]) => {
                self.allot(2 * size_of::<Value<'_>>())?;
                self.heap.list_mut(id).items.push(*item);
                Value::Bool(true)
            }
            ("appendElement", [item]) if self.heap.list(id).kind == ListKind::Json => {
                self.allot(2 * size_of::<Value<'_>>())?;
                self.heap.list_mut(id).items.push(*item);
                Value::List(id)
            }
            ("add", [index, item]) => match int(index) {
                Some(index) => {
                    let place = usize::try_from(index).ok().filter(|place| *place <= length);
                    let place = place.ok_or_else(|| out_of_bounds(index, length))?;
                    self.allot(2 * size_of::<Value<'_>>())?;
                    self.spend(length / 16)?;
                    self.heap.list_mut(id).items.insert(place, *item);
                    Value::EMPTY
                }
                None => return Ok(None),
            },
            ("set", [index, item]) => match int(index) {
                Some(index) => {
                    let place = self.place(id, index)?;
                    std::mem::replace(&mut self.heap.list_mut(id).items[place], *item)
                }
                None => return Ok(None),
            },
            ("addAll", [Value::List(others)]) => {
                self.allot(2 * size_of_val(self.heap.list(*others).items))?;
                let others = self.heap.list(*others).items.to_vec();
                let changed = !others.is_empty();
                self.heap.list_mut(id).items.extend(others);
                Value::Bool(changed)
            }
            ("remove", [item]) => self.remove(id, item)?,
            ("removeAll" | "retainAll", [Value::List(others)]) => {
                self.sift(id, *others, name == "retainAll")?
            }
            ("clear", []) => {
                self.heap.list_mut(id).items.clear();
                Value::EMPTY
            }
            _ => return Ok(None),
        }))
    }

    /// By index for an integer, by value for all else.
    fn remove(&mut self, id: ListId, item: &Value<'a>) -> Result<Value<'a>, Halt> {
        self.spend(self.heap.list(id).items.len() / 16)?;
        if let Some(index) = int(item) {
            let place = self.place(id, index)?;
            return Ok(self.heap.list_mut(id).items.remove(place));
        }
        let found = self.find(id, item, false)?;
        if let Some(place) = found {
            self.heap.list_mut(id).items.remove(place);
        }
        Ok(Value::Bool(found.is_some()))
    }

    fn sift(&mut self, id: ListId, others: ListId, retain: bool) -> Result<Value<'a>, Halt> {
        self.spend(self.heap.list(id).items.len())?;
        let items = self.heap.list(id).items.to_vec();
        let before = items.len();
        let mut kept = Vec::new();
        for item in items {
            if self.find(others, &item, false)?.is_some() == retain {
                kept.push(item);
            }
        }
        let changed = kept.len() != before;
        self.heap.list_mut(id).items = kept;
        Ok(Value::Bool(changed))
    }

    fn sub_list(&mut self, id: ListId, from: i32, to: i32) -> Result<Value<'a>, Halt> {
        let list = self.heap.list(id);
        let length = list.items.len();
        let kind = list.kind;
        let bounds = (usize::try_from(from), usize::try_from(to));
        let (Ok(start), Ok(end)) = bounds else {
            return Err(out_of_bounds(from, length));
        };
        let items = list.items.get(start..end).map(<[_]>::to_vec);
        let items = items.ok_or_else(|| out_of_bounds(to, length))?;
        // A part of a `JSONArray` is no `JSONArray`.
        let kind = if kind == ListKind::Json {
            ListKind::Plain
        } else {
            kind
        };
        self.new_list(kind, items)
    }

    fn find(&mut self, id: ListId, item: &Value<'a>, last: bool) -> Result<Option<usize>, Halt> {
        let length = self.heap.list(id).items.len();
        for seen in 0..length {
            let place = if last { length - 1 - seen } else { seen };
            let known = self.heap.list(id).items[place];
            if self.equals(&known, item)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn place(&self, id: ListId, index: i32) -> Result<usize, Halt> {
        let length = self.heap.list(id).items.len();
        let place = usize::try_from(index).ok().filter(|place| *place < length);
        place.ok_or_else(|| out_of_bounds(index, length))
    }

    fn entry_method(
        &mut self,
        id: ListId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let items = &self.heap.list(id).items;
        Ok(match (name, arguments) {
            ("getKey", []) => items.first().copied(),
            ("getValue", []) => items.get(1).copied(),
            _ => None,
        })
    }
}

fn out_of_bounds(index: i32, length: usize) -> Halt {
    Halt::error(format!(
        "index {index} is out of bounds for length {length}"
    ))
}

fn found_at<'a>(place: Option<usize>) -> Value<'a> {
    place.map_or(
        Value::Number(crate::lang::value::Number::Int(-1)),
        Value::int,
    )
}
