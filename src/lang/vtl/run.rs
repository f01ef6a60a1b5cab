//! Statements and directives, under a budget.

use std::cell::Cell;

use super::halt::Failure;
pub(super) use super::halt::Halt;
use super::overrides::{self, Overrides};
use super::scope::{Scope, keep_map, keep_texts};
use super::tree::{Block, Expression, Foreach, KnownPattern, Node, Reference, ReferenceKind, Tree};
use super::{Budget, FOREACH_ROUNDS_MAX, RenderError, Rendered, Template, Traced, position};
use crate::lang::value::{Handle, Heap, Hint, MapId, Number, TEXT_BYTES, Texts, Value};

pub(super) const INPUT: usize = 0;
pub(super) const UTIL: usize = 1;
pub(super) const CONTEXT: usize = 2;
pub(super) const STAGE_VARIABLES: usize = 3;
pub(super) const FOREACH: usize = 4;
pub(super) const COUNT: usize = 5;
pub(super) const HAS_NEXT: usize = 6;

/// How often a block of `#define` may be inside of itself.
const DEFINE_DEPTH_MAX: u32 = 2;

/// How much of a value a trace shows, in characters.
const TRACE_CHARACTERS_MAX: usize = 200;

/// How deep values are compared; JSON cannot be deeper.
const COMPARE_DEPTH: usize = 130;

/// As much of the body as there is room for in the text from the start.
const BODY_BYTES_EXPECTED: usize = 16 * 1024;

/// Lines of a trace that are kept.
const TRACE_LINES_MAX: usize = 10_000;

const TOO_MANY_STEPS: &str = "the template takes too many steps";
pub(super) const TOO_LONG: &str = "the result of the template is too long";
const TOO_MUCH_MEMORY: &str = "the template makes too many or too long values";

/// One open `#foreach`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub(super) index: usize,
    pub(super) has_next: bool,
}

pub(super) struct Engine<'a, 't> {
    pub(super) tree: &'a Tree,
    pub(super) scope: &'a Scope<'a>,
    pub(super) heap: Heap<'a>,
    pub(super) slots: Vec<Option<Value<'a>>>,
    /// For each property of the template where it was found last.
    pub(super) hints: Vec<Cell<Hint>>,
    pub(super) loops: Vec<Loop>,
    /// How often each block of `#define` is being run.
    open_blocks: Vec<u32>,
    built: [bool; 4],
    context: Option<MapId>,
    /// The body as JSON, once it has been asked for.
    pub(super) document: Option<Value<'a>>,
    pub(super) params: Option<MapId>,
    /// Regular expressions that were compiled on the way.
    pub(super) patterns: Vec<KnownPattern>,
    steps_left: usize,
    depth_left: usize,
    memory_left: usize,
    output_bytes_max: usize,
    trace: Option<&'t mut Vec<Traced>>,
    text: &'a str,
}

pub(super) fn render(
    template: &Template,
    scope: &Scope<'_>,
    budget: &Budget,
    trace: Option<&mut Vec<Traced>>,
) -> Result<Rendered, RenderError> {
    let texts = Texts::new();
    let mut engine = Engine {
        tree: &template.tree,
        scope,
        heap: Heap::new(&texts),
        slots: vec![None; template.tree.names.len()],
        hints: vec![Cell::new(Hint::NONE); template.tree.properties],
        loops: Vec::new(),
        open_blocks: vec![0; template.tree.blocks.len()],
        built: [false; 4],
        context: None,
        document: None,
        params: None,
        patterns: Vec::new(),
        steps_left: budget.steps,
        depth_left: budget.depth,
        memory_left: budget.memory_bytes,
        output_bytes_max: budget.output_bytes,
        trace,
        text: &template.text,
    };
    let body_bytes = scope.body.len().min(BODY_BYTES_EXPECTED);
    let mut text = String::with_capacity(template.text.len() + body_bytes);
    let ended = match engine.block(&template.tree.body, &mut text) {
        Err(Halt::Break | Halt::BreakLoop(_) | Halt::Stop) => engine.fits(&text),
        ended => ended,
    };
    let overrides = match ended {
        Err(Halt::Failed(failure)) => Err(failure),
        _ => engine.overrides(),
    };
    match overrides {
        Ok(overrides) => Ok(Rendered { text, overrides }),
        Err(failure) => {
            let place = failure.at.map(|at| position(&template.text, at));
            let (line, column) = place.unwrap_or_default();
            Err(RenderError {
                line,
                column,
                what: failure.what.into_owned(),
                is_runaway: failure.is_runaway,
            })
        }
    }
}

impl<'a> Engine<'a, '_> {
    /// Takes steps from the budget.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Halt> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Halt::runaway(TOO_MANY_STEPS)),
        }
    }

    /// Java's `equals`. Each pair of values that is looked at is a step.
    pub(super) fn equals(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Halt> {
        let steps_left = &mut self.steps_left;
        let outcome = self.heap.equals(left, right, COMPARE_DEPTH, steps_left);
        outcome.ok_or_else(|| Halt::runaway(TOO_MANY_STEPS))
    }

    /// Takes memory of a new value from the budget. It is never given back: what is made and dropped
    /// costs time too.
    pub(super) fn allot(&mut self, bytes: usize) -> Result<(), Halt> {
        match self.memory_left.checked_sub(bytes) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(Halt::runaway(TOO_MUCH_MEMORY)),
        }
    }

    /// Refuses what there is no room for, before it is made.
    pub(super) fn has_room(&self, bytes: usize) -> Result<(), Halt> {
        match bytes <= self.memory_left {
            true => Ok(()),
            false => Err(Halt::runaway(TOO_MUCH_MEMORY)),
        }
    }

    pub(super) fn steps_left(&self) -> usize {
        self.steps_left
    }

    pub(super) fn memory_left(&self) -> usize {
        self.memory_left
    }

    fn overrides(&self) -> Result<Overrides, Box<Failure>> {
        let Some(context) = self.context else {
            return Ok(Overrides::default());
        };
        let overrides = Overrides::read(&self.heap, context, self.memory_left);
        overrides.ok_or_else(|| Failure::runaway(TOO_MUCH_MEMORY))
    }

    /// Whether a value may be looked at without telling: there is no trace, and room for a step.
    pub(super) fn may_look(&self) -> bool {
        self.trace.is_none() && self.depth_left > 0
    }

    pub(super) fn may_enter(&self) -> bool {
        self.depth_left > 0
    }

    pub(super) fn enter(&mut self) -> Result<(), Halt> {
        if self.depth_left == 0 {
            return Err(Halt::runaway("the template runs too deep"));
        }
        self.depth_left -= 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth_left += 1;
    }

    /// All its nodes are paid for at its beginning, also those that a `#break` leaves out.
    pub(super) fn block(&mut self, block: &'a Block, out: &mut String) -> Result<(), Halt> {
        self.spend(block.steps)?;
        self.enter()?;
        for node in &block.nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Row(pieces) => self.row(pieces, out)?,
                Node::If {
                    branches,
                    otherwise,
                } => match self.only_branch(branches, otherwise.as_ref()) {
                    Some((is_true, inner)) => {
                        self.condition_steps()?;
                        if is_true {
                            self.inner_block(inner, out)?;
                        }
                    }
                    None => self.branch(branches, otherwise.as_ref(), out)?,
                },
                Node::Set { target, value } if self.set_straight(target, value) => {}
                node => self.node(node, out)?,
            }
        }
        self.leave();
        self.fits(out)
    }

    /// Of an `#if` with a simple condition and nothing behind it: whether it holds, and what is in it.
    #[inline(always)]
    fn only_branch<'t>(
        &self,
        branches: &'t [(Expression, Block)],
        otherwise: Option<&Block>,
    ) -> Option<(bool, &'t Block)> {
        match (branches, otherwise) {
            ([(condition, inner)], None) => Some((self.truth(condition)?, inner)),
            _ => None,
        }
    }

    /// A simple condition is a step, and so is its property.
    #[inline(always)]
    fn condition_steps(&mut self) -> Result<(), Halt> {
        self.spend(2)
    }

    /// A block in another, often only a text.
    #[inline(always)]
    fn inner_block(&mut self, block: &'a Block, out: &mut String) -> Result<(), Halt> {
        let [Node::Text(text)] = &block.nodes[..] else {
            return self.block(block, out);
        };
        if !self.may_enter() {
            return self.block(block, out);
        }
        self.spend(block.steps)?;
        out.push_str(text);
        self.fits(out)
    }

    /// Whether the result is not too long yet. The texts of a template are not long: for them it is
    /// enough to ask at the end of a block. Values may be: each is asked about when it is printed.
    #[inline(always)]
    pub(super) fn fits(&self, out: &str) -> Result<(), Halt> {
        match out.len() <= self.output_bytes_max {
            true => Ok(()),
            false => Err(Halt::runaway(TOO_LONG)),
        }
    }

    #[inline(never)]
    fn node(&mut self, node: &'a Node, out: &mut String) -> Result<(), Halt> {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Row(pieces) => self.row(pieces, out)?,
            Node::Member(member) => self.print_member(member, out)?,
            Node::Reference(reference) => self.print_reference(reference, out)?,
            Node::Set { target, value } => {
                let value = self.evaluate(value)?;
                self.note(target, " =", &value);
                // What has no value leaves the variable as it was.
                if !matches!(value, Value::Null) {
                    self.assign(target, value)?;
                }
            }
            Node::If {
                branches,
                otherwise,
            } => self.branch(branches, otherwise.as_ref(), out)?,
            Node::Foreach(foreach) => self.foreach(foreach, out)?,
            Node::Define { slot, block } => {
                self.slots[*slot] = Some(Value::Handle(Handle::Block(*block)));
            }
            Node::Break(None) => return Err(Halt::Break),
            Node::Break(Some(scope)) => {
                return Err(match self.evaluate(scope)? {
                    Value::Handle(Handle::Loop(open)) => Halt::BreakLoop(open),
                    _ => Halt::error("#break: this is no scope"),
                });
            }
            Node::Stop => return Err(Halt::Stop),
            Node::Fail(why) => return Err(Halt::error(*why)),
        }
        self.fits(out)
    }

    #[inline(never)]
    fn branch(
        &mut self,
        branches: &'a [(Expression, Block)],
        otherwise: Option<&'a Block>,
        out: &mut String,
    ) -> Result<(), Halt> {
        for (condition, block) in branches {
            let is_true = match self.truth(condition) {
                Some(value) => {
                    self.condition_steps()?;
                    value
                }
                None => self.is_true(condition)?,
            };
            if is_true {
                return self.inner_block(block, out);
            }
        }
        otherwise.map_or(Ok(()), |block| self.inner_block(block, out))
    }

    fn foreach(&mut self, foreach: &'a Foreach, out: &mut String) -> Result<(), Halt> {
        let list = self.evaluate(&foreach.list)?;
        if !matches!(list, Value::List(_) | Value::Map(_)) {
            return Ok(());
        }
        let saved = [foreach.slot, FOREACH, COUNT, HAS_NEXT].map(|slot| self.slots[slot]);
        let open = u32::try_from(self.loops.len()).unwrap_or(u32::MAX);
        self.loops.push(Loop {
            index: 0,
            has_next: false,
        });
        self.slots[FOREACH] = Some(Value::Handle(Handle::Loop(open)));
        let outcome = self.rounds(foreach, &list, out);
        self.loops.pop();
        for (slot, value) in [foreach.slot, FOREACH, COUNT, HAS_NEXT]
            .into_iter()
            .zip(saved)
        {
            self.slots[slot] = value;
        }
        match outcome {
            Err(Halt::Break) => Ok(()),
            Err(Halt::BreakLoop(which)) if which == open => Ok(()),
            outcome => outcome,
        }
    }

    fn rounds(
        &mut self,
        foreach: &'a Foreach,
        list: &Value<'a>,
        out: &mut String,
    ) -> Result<(), Halt> {
        let depth_left = self.depth_left;
        let count = items(&self.heap, list).len();
        let is_list = matches!(list, Value::List(_));
        for index in 0..FOREACH_ROUNDS_MAX {
            // Java's iterators see what was replaced, and throw when something came or went. A list
            // has its end where it ends now, a map where it ended at first.
            let items = items(&self.heap, list);
            let (now, item) = (items.len(), items.get(index));
            let end = if is_list { now } else { count };
            if index == end {
                break;
            }
            let Some(item) = item.filter(|_| now == count) else {
                return Err(Halt::error("#foreach: the list changed meanwhile"));
            };
            self.slots[foreach.slot] = match item {
                Value::Null => None,
                item => Some(*item),
            };
            self.spend(1)?;
            let has_next = index + 1 < count;
            if let Some(open) = self.loops.last_mut() {
                *open = Loop { index, has_next };
            }
            if self.tree.uses.loop_counts() {
                self.slots[COUNT] = Some(Value::int(index + 1));
                self.slots[HAS_NEXT] = Some(Value::Bool(has_next));
            }
            let outcome = self.block(&foreach.body, out);
            if outcome.is_err() {
                self.depth_left = depth_left;
                return outcome;
            }
        }
        Ok(())
    }

    /// The value of a variable.
    pub(super) fn variable(&mut self, slot: usize) -> Option<Value<'a>> {
        if slot < self.built.len() && !self.built[slot] && self.slots[slot].is_none() {
            self.build(slot);
        }
        self.slots[slot]
    }

    /// What the gateway gives is made when it is first asked for.
    fn build(&mut self, slot: usize) {
        self.built[slot] = true;
        self.slots[slot] = Some(match slot {
            INPUT => Value::Handle(Handle::Input),
            UTIL => Value::Handle(Handle::Util),
            CONTEXT => {
                let context = keep_map(&mut self.heap, self.scope.context);
                if self.tree.uses.overrides() {
                    overrides::prepare(&mut self.heap, context);
                    self.context = Some(context);
                }
                Value::Map(context)
            }
            STAGE_VARIABLES => Value::Map(keep_texts(&mut self.heap, self.scope.stage_variables)),
            _ => return,
        });
    }

    pub(super) fn print_reference(
        &mut self,
        reference: &'a Reference,
        out: &mut String,
    ) -> Result<(), Halt> {
        match reference.kind {
            ReferenceKind::Text => {
                out.push_str(&reference.prefix);
                out.push_str(&reference.literal);
            }
            // Its value is only looked at because looking may write.
            ReferenceKind::Escaped => {
                self.reference(reference)?;
                out.push_str(&reference.prefix);
                out.push_str(&reference.literal);
            }
            ReferenceKind::Plain => {
                let value = self.reference(reference)?;
                self.note(reference, "", &value);
                match value {
                    Value::Text(text) if reference.prefix.is_empty() => out.push_str(text),
                    value => self.print_value(reference, &value, out)?,
                }
            }
        }
        Ok(())
    }

    fn print_value(
        &mut self,
        reference: &'a Reference,
        value: &Value<'a>,
        out: &mut String,
    ) -> Result<(), Halt> {
        let length = out.len();
        // A block prints itself, without what was before the reference.
        if !matches!(value, Value::Handle(Handle::Block(_))) {
            out.push_str(&reference.prefix);
        }
        if !self.print(value, out)? {
            out.truncate(length);
            // Backslashes do not escape each other before what is no reference after all.
            let escapes = reference.prefix.bytes().take_while(|byte| *byte == b'\\');
            out.push_str(&"\\".repeat(escapes.count()));
            out.push_str(&reference.prefix);
            if !reference.literal.starts_with("$!") {
                out.push_str(&reference.literal);
            }
        }
        Ok(())
    }

    /// Prints a value; `false` when it has no text.
    pub(super) fn print(&mut self, value: &Value<'a>, out: &mut String) -> Result<bool, Halt> {
        match value {
            Value::Text(text) => out.push_str(text),
            Value::Number(Number::Int(value)) => Number::Int(*value).print(out),
            Value::Handle(Handle::Block(block)) => return self.print_block(*block, out),
            _ => {
                let length = out.len();
                if !self.heap.print(out, value, self.output_bytes_max) {
                    return Err(Halt::runaway(TOO_LONG));
                }
                self.spend((out.len() - length) / 64)?;
            }
        }
        Ok(true)
    }

    pub(super) fn print_block(&mut self, block: u32, out: &mut String) -> Result<bool, Halt> {
        let tree = self.tree;
        let at = block as usize;
        let (Some(body), Some(open)) = (tree.blocks.get(at), self.open_blocks.get(at)) else {
            return Ok(false);
        };
        if *open >= DEFINE_DEPTH_MAX {
            return Ok(false);
        }
        self.open_blocks[at] += 1;
        let depth_left = self.depth_left;
        let outcome = self.block(body, out);
        self.open_blocks[at] -= 1;
        match outcome {
            // A `#break` in a block only ends the block.
            Err(Halt::Break) => {
                self.depth_left = depth_left;
                Ok(true)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// A value as a text of its own.
    pub(super) fn text_of(&mut self, value: &Value<'a>) -> Result<String, Halt> {
        let mut out = String::new();
        self.print(value, &mut out)?;
        self.allot(TEXT_BYTES + out.len())?;
        Ok(out)
    }

    /// Keeps a text that was made.
    pub(super) fn new_text(&mut self, text: String) -> Result<Value<'a>, Halt> {
        self.allot(TEXT_BYTES + text.len())?;
        Ok(self.heap.text(text))
    }

    /// Keeps a line of the trace, if one is wanted.
    #[inline]
    fn note(&mut self, reference: &Reference, suffix: &str, value: &Value<'a>) {
        if self.trace.is_some() {
            self.note_line(reference, suffix, value);
        }
    }

    #[cold]
    fn note_line(&mut self, reference: &Reference, suffix: &str, value: &Value<'a>) {
        let Some(trace) = self.trace.as_deref_mut() else {
            return;
        };
        if trace.len() >= TRACE_LINES_MAX {
            return;
        }
        let mut text = String::new();
        let fits = self.heap.print(&mut text, value, 4 * TRACE_CHARACTERS_MAX);
        let mut shown: String = text.chars().take(TRACE_CHARACTERS_MAX).collect();
        if !fits || shown.len() < text.len() {
            shown.push('…');
        }
        let (line, column) = position(self.text, reference.at);
        trace.push(Traced {
            line,
            column,
            reference: format!("{}{suffix}", reference.literal),
            value: shown,
        });
    }
}

/// What is gone over: of a map its values.
#[inline(always)]
fn items<'h, 'a>(heap: &'h Heap<'a>, list: &Value<'a>) -> &'h [Value<'a>] {
    match list {
        Value::List(id) => heap.list(*id).items,
        Value::Map(id) => heap.map(*id).values(),
        _ => &[],
    }
}
