//! The story of a call, told while it happens: for execution logs, for tests of a method, and for
//! whoever wants a call explained.
//!
//! Most calls have none: `call.story` is empty then, and each moment below costs one look at it.
//! `mod` keeps what is told, `moment` tells it in AWS's words, `invocation` that of functions, `explain` what those do not say, `text`
//! writes values as AWS does, `log` brings it to the execution log.

pub mod authorizing;
pub mod explain;
pub mod invocation;
pub mod log;
pub mod moment;
pub mod text;

use std::cell::{Ref, RefCell};

use crate::base::Clock;
use crate::plan::rest::ExecutionLog;

/// What is told of one call. Its memory has a bound, whatever was sent.
#[derive(Debug)]
pub struct Story {
    /// How much is told in lines.
    depth: ExecutionLog,
    /// A test of a method that is in no stage: nobody is asked for keys, and the client is nobody.
    pub is_test: bool,
    /// More is told than what lines say.
    explains: bool,
    clock: Clock,
    began_ms: u64,
    began_ns: u64,
    told: RefCell<Told>,
}

#[derive(Debug, Default)]
struct Told {
    events: Vec<Event>,
    facts: Vec<Fact>,
    bytes: usize,
    /// Something was left out for want of room.
    is_full: bool,
    /// The checks of keys and throttles are behind the call.
    has_started: bool,
    has_received: bool,
    /// What the client is known by.
    secrets: Vec<String>,
    /// So many events had been told when the last mark was set.
    marked: usize,
}

/// One line, in the words of AWS's execution logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub depth: ExecutionLog,
    pub line: Box<str>,
}

/// Something that no line says: names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub topic: &'static str,
    /// Since the call began, microseconds.
    pub at_us: u64,
    pub members: Vec<(&'static str, String)>,
}

impl Fact {
    pub fn new(topic: &'static str, at_us: u64, members: Vec<(&'static str, String)>) -> Self {
        let mut fact = Self {
            topic,
            at_us,
            members,
        };
        let values = fact.members.iter_mut();
        values.for_each(|(_, value)| cut(value, VALUE_BYTES_MAX));
        fact
    }
}

/// Of a value in a fact so many bytes are shown.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// AWS: an event of an execution log has 1024 bytes; what is longer is cut off and marked.
const LINE_BYTES_MAX: usize = 1024;
const CUT: &str = " [TRUNCATED]";
/// So many events of a call are kept.
const EVENTS_MAX: usize = 256;
/// So many bytes of a call are kept.
const STORY_BYTES_MAX: usize = 128 * 1024;

impl Story {
    pub fn new(clock: &Clock, depth: ExecutionLog) -> Self {
        Self {
            depth,
            is_test: false,
            explains: false,
            began_ms: clock.epoch_ms(),
            began_ns: clock.monotonic_ns(),
            clock: clock.clone(),
            told: RefCell::default(),
        }
    }

    /// Of which everything is told.
    pub fn explaining(clock: &Clock) -> Self {
        Self {
            explains: true,
            ..Self::new(clock, ExecutionLog::Payloads)
        }
    }

    pub fn explains(&self) -> bool {
        self.explains
    }

    /// Tells what no line says, if somebody wants to know.
    fn fact(&self, topic: &'static str, members: impl FnOnce() -> Vec<(&'static str, String)>) {
        if !self.explains {
            return;
        }
        let fact = Fact::new(topic, self.since_us(), members());
        let mut told = self.told.borrow_mut();
        let bytes: usize = fact.members.iter().map(|(_, value)| value.len()).sum();
        if told.facts.len() == EVENTS_MAX || told.bytes + bytes > STORY_BYTES_MAX {
            told.is_full = true;
            return;
        }
        told.bytes += bytes;
        told.facts.push(fact);
    }

    /// What was told beside the lines, in order.
    pub fn facts(&self) -> Ref<'_, [Fact]> {
        Ref::map(self.told.borrow(), |told| told.facts.as_slice())
    }

    /// Tells a line, if the story goes so deep.
    pub fn line(&self, depth: ExecutionLog, line: impl FnOnce() -> String) {
        if depth > self.depth {
            return;
        }
        let mut line = line();
        cut(&mut line, LINE_BYTES_MAX);
        let mut told = self.told.borrow_mut();
        let bytes = told.bytes + line.len();
        if told.events.len() == EVENTS_MAX || bytes > STORY_BYTES_MAX {
            told.is_full = true;
            return;
        }
        told.bytes = bytes;
        let at_ms = self.began_ms + self.since_us() / 1000;
        told.events.push(Event {
            at_ms,
            depth,
            line: line.into(),
        });
    }

    /// Keys and throttles have let the call in, with these secrets.
    fn start(&self, secrets: Vec<String>) {
        let mut told = self.told.borrow_mut();
        told.has_started = true;
        told.secrets = secrets;
    }

    /// Payloads may repeat what headers said.
    fn without_secrets(&self, text: String) -> String {
        let told = self.told.borrow();
        let secrets = told.secrets.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| {
            text.replace(secret, &text::masked(secret))
        })
    }

    /// What is told from here on may turn out to be untrue.
    fn mark(&self) {
        let mut told = self.told.borrow_mut();
        told.marked = told.events.len();
    }

    /// Takes back what was told since the mark.
    fn forget_marked(&self) {
        let told = &mut *self.told.borrow_mut();
        let untrue = told.events.drain(told.marked..);
        told.bytes -= untrue.map(|event| event.line.len()).sum::<usize>();
    }

    fn has_started(&self) -> bool {
        self.told.borrow().has_started
    }

    /// The integration's answer has been told.
    fn receive(&self) {
        self.told.borrow_mut().has_received = true;
    }

    fn has_received(&self) -> bool {
        self.told.borrow().has_received
    }

    /// Whether payloads are told, which must be in memory for that.
    pub fn wants_payloads(&self) -> bool {
        self.depth >= ExecutionLog::Payloads
    }

    /// Since the story began, microseconds.
    pub fn since_us(&self) -> u64 {
        self.clock.monotonic_ns().saturating_sub(self.began_ns) / 1000
    }

    /// What was told, in order.
    pub fn events(&self) -> Ref<'_, [Event]> {
        Ref::map(self.told.borrow(), |told| told.events.as_slice())
    }
}

/// Shortens a text and marks that.
fn cut(line: &mut String, bytes_max: usize) {
    if line.len() > bytes_max {
        let mut end = bytes_max - CUT.len();
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push_str(CUT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(depth: ExecutionLog) -> Story {
        Story::new(&Clock::real(), depth)
    }

    #[test]
    fn a_story_goes_no_deeper_than_is_wanted() {
        let check = |depth, expected: &[&str]| {
            let story = story(depth);
            story.line(ExecutionLog::Steps, || "step".to_owned());
            story.line(ExecutionLog::Payloads, || "payload".to_owned());
            story.line(ExecutionLog::Failures, || "failure".to_owned());
            let events = story.events();
            let lines: Vec<&str> = events.iter().map(|event| &*event.line).collect();
            assert_eq!(lines, expected);
        };
        check(ExecutionLog::Failures, &["failure"]);
        check(ExecutionLog::Steps, &["step", "failure"]);
        check(ExecutionLog::Payloads, &["step", "payload", "failure"]);
    }

    #[test]
    fn a_long_line_is_cut_between_two_letters_and_says_so() {
        let story = story(ExecutionLog::Steps);
        story.line(ExecutionLog::Steps, || "x".repeat(1024));
        story.line(ExecutionLog::Steps, || "x".repeat(1025));
        story.line(ExecutionLog::Steps, || format!("x{}", "ü".repeat(1000)));
        let events = story.events();
        assert_eq!(&*events[0].line, "x".repeat(1024));
        assert_eq!(
            &*events[1].line,
            format!("{} [TRUNCATED]", "x".repeat(1012))
        );
        assert!(events[2].line.len() <= 1024 && events[2].line.ends_with("ü [TRUNCATED]"));
    }

    #[test]
    fn a_story_has_an_end_however_much_is_told() {
        let story = story(ExecutionLog::Steps);
        for _ in 0..100_000 {
            story.line(ExecutionLog::Steps, || "y".repeat(5000));
        }
        assert!(story.told.borrow().is_full);
        let events = story.events();
        let bytes: usize = events.iter().map(|event| event.line.len()).sum();
        assert!(events.len() <= EVENTS_MAX && bytes <= STORY_BYTES_MAX);
    }
}
