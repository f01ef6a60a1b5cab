//! References: reading and writing them.

use super::run::{Engine, Halt};
use super::tree::{Expression, LoopProperty, Member, Property, Reference, ReferenceKind, Step};
use crate::lang::value::{Handle, ListId, ListKind, Number, Value};

impl<'a> Engine<'a, '_> {
    /// The value of a reference. What is unknown or null is the empty text.
    #[inline(always)]
    pub(super) fn reference(&mut self, reference: &'a Reference) -> Result<Value<'a>, Halt> {
        if let Some(value) = self.look(reference) {
            return Ok(value);
        }
        self.look_closer(reference)
    }

    /// The value of a reference that only asks for what is already there: a variable, members of
    /// maps, where a loop is.
    #[inline(always)]
    fn look(&mut self, reference: &'a Reference) -> Option<Value<'a>> {
        let mut value = self.slots[reference.slot]?;
        if reference.steps.is_empty() {
            return (reference.kind != ReferenceKind::Text).then_some(value);
        }
        for step in &reference.steps {
            value = match (step, value) {
                (Step::Property(property), Value::Map(id)) => {
                    let hint = self.hints.get(property.number)?;
                    *self.heap.hinted_member(id, &property.name, hint)?
                }
                (Step::Property(property), Value::Handle(Handle::Loop(open))) => {
                    self.loop_property(open, property.of_loop?)?
                }
                _ => return None,
            };
        }
        let is_empty = matches!(value, Value::Null);
        if is_empty || reference.kind == ReferenceKind::Text || !self.may_enter() {
            return None;
        }
        self.spend(reference.steps.len()).is_ok().then_some(value)
    }

    /// What most references mean: a variable or a member of a map in one that is already there and no null;
    /// none where it takes a closer look. It counts only where values may be looked at without telling.
    #[inline(always)]
    pub(super) fn member(&self, member: &Member) -> Option<&Value<'a>> {
        let variable = self.slots.get(member.slot)?.as_ref()?;
        let Some(property) = &member.property else {
            return Some(variable);
        };
        let Value::Map(id) = variable else {
            return None;
        };
        let hint = self.hints.get(property.number)?;
        self.heap.hinted_member(*id, &property.name, hint)
    }

    /// Whether a simple condition holds: a boolean that is a member of a map, or where a loop is, as most
    /// are; none where it takes a closer look.
    #[inline(always)]
    pub(super) fn truth(&self, condition: &Expression) -> Option<bool> {
        let Expression::Reference(reference) = condition else {
            return None;
        };
        if !reference.is_simple || !self.may_look() {
            return None;
        }
        let [Step::Property(property)] = &reference.steps[..] else {
            return None;
        };
        match self.slots.get(reference.slot)?.as_ref()? {
            Value::Map(id) => {
                let hint = self.hints.get(property.number)?;
                match self.heap.hinted_member(*id, &property.name, hint)? {
                    Value::Bool(value) => Some(*value),
                    _ => None,
                }
            }
            Value::Handle(Handle::Loop(open)) => {
                let at = self.loops.get(*open as usize)?;
                match property.of_loop? {
                    LoopProperty::HasNext => Some(at.has_next),
                    LoopProperty::First => Some(at.index == 0),
                    LoopProperty::Last => Some(!at.has_next),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn look_closer(&mut self, reference: &'a Reference) -> Result<Value<'a>, Halt> {
        if reference.kind == ReferenceKind::Text {
            return Ok(Value::Null);
        }
        let Some(mut value) = self.variable(reference.slot) else {
            return Ok(Value::EMPTY);
        };
        if reference.steps.is_empty() {
            return Ok(value);
        }
        self.enter()?;
        for step in &reference.steps {
            let next = self.step(&value, step);
            value = match next.map_err(|halt| halt.placed(reference.at))? {
                None | Some(Value::Null) => {
                    value = Value::EMPTY;
                    break;
                }
                Some(next) => next,
            };
        }
        self.leave();
        Ok(value)
    }

    fn step(&mut self, value: &Value<'a>, step: &'a Step) -> Result<Option<Value<'a>>, Halt> {
        self.spend(1)?;
        match step {
            Step::Property(property) => self.property(value, property),
            Step::Method(name, arguments) => {
                let arguments = arguments.iter().map(|argument| self.evaluate(argument));
                let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
                self.call(value, name, &arguments)
            }
            Step::Path(known) if matches!(value, Value::Handle(Handle::Input)) => {
                let found = self.read_path(&known.path)?;
                match known.is_json {
                    true => self.json_text(&found).map(Some),
                    false => Ok(Some(found)),
                }
            }
            Step::Path(known) => {
                let argument = self.evaluate(&known.argument)?;
                self.call(value, &known.method, &[argument])
            }
            Step::Index(index) => {
                let index = self.index(value, index)?;
                match value {
                    Value::Map(_) | Value::List(_) => self.call(value, "get", &[index]),
                    _ => Ok(None),
                }
            }
        }
    }

    /// An index; negative ones count from the end.
    fn index(&mut self, value: &Value<'a>, index: &'a Expression) -> Result<Value<'a>, Halt> {
        let index = self.evaluate(index)?;
        let Value::Number(Number::Int(number)) = index else {
            return Ok(index);
        };
        if number >= 0 {
            return Ok(index);
        }
        let length = match value {
            Value::List(id) => self.heap.list(*id).items.len(),
            Value::Map(id) => self.heap.map(*id).len(),
            _ => return Err(Halt::error("a negative index needs something with a size")),
        };
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        Ok(Value::Number(Number::Int(length + number)))
    }

    /// `.name`: a member of a map, or what Java finds as a getter.
    fn property(
        &mut self,
        value: &Value<'a>,
        property: &Property,
    ) -> Result<Option<Value<'a>>, Halt> {
        let name = &*property.name;
        Ok(match value {
            Value::Map(id) => self.heap.map(*id).member(name).copied(),
            Value::Handle(Handle::Input) if is_getter(name, "body") => Some(self.body()?),
            Value::Handle(Handle::Loop(open)) => {
                let of_loop = property.of_loop;
                of_loop.and_then(|of_loop| self.loop_property(*open, of_loop))
            }
            Value::List(id) => self.list_property(*id, name),
            Value::Text(text) if is_getter(name, "empty") => Some(Value::Bool(text.is_empty())),
            Value::Text(text) if is_getter(name, "blank") => {
                Some(Value::Bool(text.trim().is_empty()))
            }
            _ => None,
        })
    }

    fn list_property(&self, id: ListId, name: &str) -> Option<Value<'a>> {
        let list = self.heap.list(id);
        match list.kind {
            ListKind::Entry if is_getter(name, "key") => list.items.first().copied(),
            ListKind::Entry if is_getter(name, "value") => list.items.get(1).copied(),
            ListKind::Entry => None,
            _ if is_getter(name, "empty") => Some(Value::Bool(list.items.is_empty())),
            _ => None,
        }
    }

    /// Members of `$foreach`.
    #[inline]
    pub(super) fn loop_property(&self, open: u32, property: LoopProperty) -> Option<Value<'a>> {
        let at = self.loops.get(open as usize)?;
        Some(match property {
            LoopProperty::Index => Value::int(at.index),
            LoopProperty::Count => Value::int(at.index + 1),
            LoopProperty::HasNext => Value::Bool(at.has_next),
            LoopProperty::First => Value::Bool(at.index == 0),
            LoopProperty::Last => Value::Bool(!at.has_next),
            LoopProperty::Parent => Value::Handle(Handle::Loop(open.checked_sub(1)?)),
            LoopProperty::Topmost => Value::Handle(Handle::Loop(0)),
        })
    }

    /// `#set`: a variable, a member or an item.
    pub(super) fn assign(
        &mut self,
        reference: &'a Reference,
        value: Value<'a>,
    ) -> Result<(), Halt> {
        let Some((last, path)) = reference.steps.split_last() else {
            self.slots[reference.slot] = Some(value);
            return Ok(());
        };
        let Some(mut target) = self.variable(reference.slot) else {
            return Ok(());
        };
        for step in path {
            let next = self.step(&target, step);
            match next.map_err(|halt| halt.placed(reference.at))? {
                None | Some(Value::Null) => return Ok(()),
                Some(next) => target = next,
            }
        }
        match last {
            Step::Property(property) => match &target {
                Value::Map(id) => {
                    let name = Value::Text(&property.name);
                    self.put(*id, name, value).map(|_| ())
                }
                _ => Ok(()),
            },
            Step::Index(index) => {
                let index = self.index(&target, index)?;
                let outcome = match &target {
                    Value::Map(id) => self.put(*id, index, value).map(|_| ()),
                    Value::List(_) => self.call(&target, "set", &[index, value]).map(|_| ()),
                    _ => Ok(()),
                };
                outcome.map_err(|halt| halt.placed(reference.at))
            }
            Step::Method(..) | Step::Path(_) => Ok(()),
        }
    }
}

/// Java finds `getBody` for `body` and for `Body`.
fn is_getter(name: &str, property: &str) -> bool {
    name.len() == property.len()
        && name[..1].eq_ignore_ascii_case(&property[..1])
        && name[1..] == property[1..]
}
