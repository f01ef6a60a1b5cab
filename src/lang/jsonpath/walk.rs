//! Reading a path.

use crate::lang::value::{Heap, ListKind, Map, Value};

use super::{Left, Path, Step, TooMuch};

/// What making a map takes, as visits.
const MAP_VISITS: usize = 8;

/// What `path` means below `at`, within what is left.
pub(super) fn read<'a>(
    path: &Path,
    heap: &mut Heap<'a>,
    root: &Value<'a>,
    at: &Value<'a>,
    left: &mut Left,
) -> Result<Option<Value<'a>>, TooMuch> {
    let found = if path.straight {
        straight(&path.steps, heap, at).copied()
    } else {
        let mut walk = Walk {
            heap,
            root,
            left,
            found: Vec::new(),
        };
        walk.step(&path.steps, at)?;
        let mut found = walk.found;
        if path
            .steps
            .iter()
            .all(|step| matches!(step, Step::Member(_) | Step::Members(_) | Step::Index(_)))
        {
            found.pop()
        } else {
            Some(heap.keep_list(ListKind::Json, found))
        }
    };
    Ok(match path.function {
        Some(function) => {
            let size = found
                .as_ref()
                .map_or(0, |value| function.steps(heap, value));
            left.visit(size)?;
            found.and_then(|value| function.apply(heap, &value))
        }
        None => found,
    })
}

/// A path of names and single indexes, without a list of what was found.
#[inline(always)]
pub(super) fn straight<'h, 'a>(
    steps: &[Step],
    heap: &'h Heap<'a>,
    root: &'h Value<'a>,
) -> Option<&'h Value<'a>> {
    let mut at = root;
    for step in steps {
        at = match (step, at) {
            (Step::Member(name), Value::Map(id)) => heap.member(*id, name)?,
            (Step::Index(index), Value::List(id)) => {
                let items = &heap.list(*id).items;
                items.get(place(*index, items.len())?)?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// Negative indexes count from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if index < 0 { length + index } else { index };
    usize::try_from(place).ok()
}

struct Walk<'w, 'a> {
    heap: &'w mut Heap<'a>,
    root: &'w Value<'a>,
    left: &'w mut Left,
    found: Vec<Value<'a>>,
}

impl<'a> Walk<'_, 'a> {
    fn step(&mut self, steps: &[Step], at: &Value<'a>) -> Result<(), TooMuch> {
        self.left.enter()?;
        self.entered(steps, at)?;
        self.left.leave();
        Ok(())
    }

    fn entered(&mut self, steps: &[Step], at: &Value<'a>) -> Result<(), TooMuch> {
        let Some((step, next)) = steps.split_first() else {
            self.found.push(*at);
            return Ok(());
        };
        match (step, at) {
            (Step::Deep, _) => self.deep(next, at),
            (Step::Filter(filter), Value::List(id)) => {
                for index in 0..self.heap.list(*id).items.len() {
                    let item = self.heap.list(*id).items[index];
                    if filter.accepts(self.heap, self.root, &item, self.left)? {
                        self.step(next, &item)?;
                    }
                }
                Ok(())
            }
            (Step::Filter(filter), _) => {
                if filter.accepts(self.heap, self.root, at, self.left)? {
                    self.step(next, at)?;
                }
                Ok(())
            }
            (Step::Any, Value::Map(id)) => {
                for index in 0..self.heap.map(*id).len() {
                    let value = self.heap.map(*id).values()[index];
                    self.step(next, &value)?;
                }
                Ok(())
            }
            (Step::Any, Value::List(id)) => self.items(*id, next, None, None),
            (Step::Slice(from, to), Value::List(id)) => self.items(*id, next, *from, *to),
            (Step::Member(name), Value::Map(id)) => match self.heap.map(*id).member(name) {
                Some(value) => {
                    let value = *value;
                    self.step(next, &value)
                }
                None => Ok(()),
            },
            (Step::Members(names), Value::Map(id)) => self.members(*id, names, next),
            (Step::Index(index), Value::List(id)) => self.item(*id, *index, next),
            (Step::Indexes(indexes), Value::List(id)) => {
                for index in indexes {
                    self.item(*id, *index, next)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `['a','b']` at the end makes a map of them; in the middle each is followed.
    fn members(
        &mut self,
        id: crate::lang::value::MapId,
        names: &[Box<str>],
        next: &[Step],
    ) -> Result<(), TooMuch> {
        let mut kept = Map::new();
        for name in names {
            self.left.visit(1)?;
            let Some((name, value)) = self.heap.map(id).entry(name) else {
                continue;
            };
            if next.is_empty() {
                kept.put(name, value);
            } else {
                self.step(next, &value)?;
            }
        }
        if next.is_empty() {
            self.left.visit(MAP_VISITS)?;
            let kept = Value::Map(self.heap.keep_map(kept));
            self.found.push(kept);
        }
        Ok(())
    }

    fn item(
        &mut self,
        id: crate::lang::value::ListId,
        index: i64,
        next: &[Step],
    ) -> Result<(), TooMuch> {
        let items = &self.heap.list(id).items;
        let item = place(index, items.len()).and_then(|place| items.get(place));
        match item.copied() {
            Some(item) => self.step(next, &item),
            None => Ok(()),
        }
    }

    fn items(
        &mut self,
        id: crate::lang::value::ListId,
        next: &[Step],
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<(), TooMuch> {
        let length = self.heap.list(id).items.len();
        let clamped = |bound: i64| place(bound, length).unwrap_or(0).min(length);
        let from = from.map_or(0, clamped);
        let to = to.map_or(length, clamped);
        for index in from..to {
            let item = self.heap.list(id).items[index];
            self.step(next, &item)?;
        }
        Ok(())
    }

    /// The next step here and at every map and list below, parents first.
    fn deep(&mut self, steps: &[Step], at: &Value<'a>) -> Result<(), TooMuch> {
        self.left.enter()?;
        let count = match at {
            Value::Map(id) => self.heap.map(*id).len(),
            Value::List(id) => self.heap.list(*id).items.len(),
            _ => {
                self.left.leave();
                return Ok(());
            }
        };
        // A filter looks at each map by itself, else the items of a list would be found twice.
        if !(matches!(at, Value::List(_)) && matches!(steps.first(), Some(Step::Filter(_)))) {
            self.step(steps, at)?;
        }
        for index in 0..count {
            let value = match at {
                Value::Map(id) => self.heap.map(*id).values()[index],
                Value::List(id) => self.heap.list(*id).items[index],
                _ => return Ok(()),
            };
            self.deep(steps, &value)?;
        }
        self.left.leave();
        Ok(())
    }
}
