//! `$input`: the body and the parameters of the request.

use super::run::{Engine, Halt};
use super::scope::keep_texts;
use super::tree::{Expression, Reference, ReferenceKind, Step};
use crate::lang::jsonpath::{Path, VISITS_MAX};
use crate::lang::value::{Handle, Map, Style, Value, is_ascii, read};

/// Where `$input.params(name)` looks, in this order.
const PLACES: [&str; 3] = ["path", "querystring", "header"];

/// Values that a JSONPath looks at for the price of one step.
const VISITS_A_STEP: usize = 4;

/// Bytes of JSON that are written for the price of one step.
const WRITTEN_A_STEP: usize = 16;

impl<'a> Engine<'a, '_> {
    pub(super) fn input_method(
        &mut self,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        Ok(Some(match (name, arguments) {
            ("getBody", []) => self.body()?,
            ("path", [Value::Text(path)]) => self.path(path)?,
            ("json", [Value::Text(path)]) => {
                let found = self.path(path)?;
                self.json_text(&found)?
            }
            ("params", []) => self.all_params(),
            ("params", [Value::Text(name)]) => self.param(name),
            _ => return Ok(None),
        }))
    }

    /// `$input.body`: the text as it came, `{}` when there was none.
    pub(super) fn body(&mut self) -> Result<Value<'a>, Halt> {
        if self.scope.body.is_empty() {
            return Ok(Value::Text("{}"));
        }
        self.body_text().map(Value::Text)
    }

    fn body_text(&self) -> Result<&'a str, Halt> {
        let body = self.scope.body;
        if is_ascii(body) {
            // SAFETY: ASCII is UTF-8. Most bodies are, and this is found out in half the time.
            return Ok(unsafe { std::str::from_utf8_unchecked(body) });
        }
        std::str::from_utf8(body).map_err(|_| Halt::error("the body is not UTF-8"))
    }

    /// The text of `$input.json`; a path that leads nowhere, or to null, gives an empty JSON string.
    pub(super) fn json_text(&mut self, found: &Value<'a>) -> Result<Value<'a>, Halt> {
        let mut out = String::new();
        if matches!(found, Value::Null) {
            out.push_str("\"\"");
        } else {
            let max = self.memory_left();
            self.heap.write_json(&mut out, found, Style::Compact, max);
            self.spend(out.len() / WRITTEN_A_STEP)?;
        }
        self.new_text(out)
    }

    fn path(&mut self, path: &str) -> Result<Value<'a>, Halt> {
        self.spend(path.len() / 8)?;
        let path = Path::parse(path).map_err(|error| Halt::error(error.to_string()))?;
        self.read_path(&path)
    }

    /// `#set` of a variable to what `$input.path` finds with a straight path that is known, when the body
    /// has been read; whether it was done.
    #[inline(never)]
    pub(super) fn set_straight(&mut self, target: &Reference, expression: &Expression) -> bool {
        let Some(found) = self.straight(expression) else {
            return false;
        };
        // What is nothing is the empty text.
        let value = match found {
            None | Some(Value::Null) => Value::EMPTY,
            Some(found) => *found,
        };
        // The expression is a step, and so is the path.
        if !target.steps.is_empty() || self.spend(2).is_err() {
            return false;
        }
        self.slots[target.slot] = Some(value);
        true
    }

    #[inline(always)]
    fn straight(&self, expression: &Expression) -> Option<Option<&Value<'a>>> {
        let Expression::Reference(reference) = expression else {
            return None;
        };
        let [Step::Path(known)] = &reference.steps[..] else {
            return None;
        };
        let is_quick = reference.kind == ReferenceKind::Plain && !known.is_json && self.may_look();
        let variable = self.slots.get(reference.slot)?;
        if !is_quick || !matches!(variable, Some(Value::Handle(Handle::Input))) {
            return None;
        }
        known.path.straight(&self.heap, self.document.as_ref()?)
    }

    pub(super) fn read_path(&mut self, path: &Path) -> Result<Value<'a>, Halt> {
        let document = match &self.document {
            Some(document) => *document,
            None => self.read_document()?,
        };
        if let Some(found) = path.straight(&self.heap, &document) {
            return Ok(found.copied().unwrap_or(Value::Null));
        }
        let visits_max = VISITS_MAX.min(self.steps_left().saturating_mul(VISITS_A_STEP));
        let (before, mut visits_left) = (self.heap.bytes(), visits_max);
        let found = path.read_within(&mut self.heap, &document, &mut visits_left);
        let found = found.map_err(|_| Halt::runaway("a JSONPath visits too many values"))?;
        self.spend((visits_max - visits_left) / VISITS_A_STEP)?;
        self.allot(self.heap.bytes() - before)?;
        Ok(found.unwrap_or(Value::Null))
    }

    fn read_document(&mut self) -> Result<Value<'a>, Halt> {
        let text = match self.scope.body {
            [] => "{}",
            _ => self.body_text()?,
        };
        // Once for a rendering, and bounded as the body is: this alone is not counted.
        let document = read(&mut self.heap, text);
        let document = document.map_err(|error| Halt::error(error.to_string()))?;
        self.document = Some(document);
        Ok(document)
    }

    fn all_params(&mut self) -> Value<'a> {
        if let Some(params) = self.params {
            return Value::Map(params);
        }
        let scope = self.scope;
        let mut all = Map::new();
        for (place, values) in PLACES
            .into_iter()
            .zip([scope.path, scope.query, scope.headers])
        {
            let values = Value::Map(keep_texts(&mut self.heap, values));
            all.put(Value::Text(place), values);
        }
        let params = self.heap.keep_map(all);
        self.params = Some(params);
        Value::Map(params)
    }

    fn param(&self, name: &str) -> Value<'a> {
        let scope = self.scope;
        for values in [scope.path, scope.query, scope.headers] {
            let found = values.iter().rev().find(|(known, _)| *known == name);
            if let Some((_, value)) = found {
                return Value::Text(value);
            }
        }
        Value::Null
    }
}
