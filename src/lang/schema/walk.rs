//! One pass over the text of a body that a plan is held against while it is read: nothing is kept of
//! it.
//!
//! What follows the plan follows the model. Of what does not, little is known: it may be no JSON, or
//! say a name twice of which only the last value follows. Who wants to know looks closer.

use super::document::{Document, Item, key_of};
use super::plan::{BOOLEAN, FRACTION, INTEGER, LIST, MEMBERS, Members, NULL, Plan, Rule, TEXT};
use super::reader::{BYTES_MAX, DEPTH_MAX, escaped, number};
use crate::lang::value::{behind_blanks, special};

impl Plan {
    /// Whether a body surely follows.
    pub fn allows(&self, body: &[u8]) -> bool {
        let text = std::str::from_utf8(body).ok();
        let Some(text) = text.filter(|_| body.len() <= BYTES_MAX) else {
            return false;
        };
        let mut walk = Walk {
            plan: self,
            text,
            items: Vec::new(),
        };
        let behind = walk.value(self.first, behind_blanks(body), 0);
        behind.is_some_and(|behind| behind_blanks(behind).is_empty())
    }
}

struct Walk<'p, 'b> {
    plan: &'p Plan,
    text: &'b str,
    /// Room for what validators are asked about.
    items: Vec<Item>,
}

/// What is behind something, if that follows.
type Behind<'b> = Option<&'b [u8]>;

impl<'p, 'b> Walk<'p, 'b> {
    /// `rest` begins with the value.
    fn value(&mut self, rule: usize, rest: &'b [u8], depth: usize) -> Behind<'b> {
        let rule = &self.plan.rules[rule];
        let may_be = |kind| rule.kinds & kind != 0;
        match *rest.first()? {
            b'"' if may_be(TEXT) => self.text(rule, rest),
            b'{' if may_be(MEMBERS) => self.members(&rule.members, &rest[1..], depth),
            b'[' if may_be(LIST) => self.list(rule, &rest[1..], depth),
            b'-' | b'0'..=b'9' if may_be(INTEGER | FRACTION) => numeral(rule, rest),
            b't' if may_be(BOOLEAN) => rest.strip_prefix(b"true"),
            b'f' if may_be(BOOLEAN) => rest.strip_prefix(b"false"),
            b'n' if may_be(NULL) => rest.strip_prefix(b"null"),
            _ => self.look_closer(rule, rest, depth),
        }
    }

    #[inline(always)]
    fn text(&self, rule: &Rule, rest: &'b [u8]) -> Behind<'b> {
        if !rule.options.is_empty() {
            return self.option(rule, rest);
        }
        let (end, byte) = special(rest, 1)?;
        if byte != b'"' {
            return self.decoded(rule, rest);
        }
        // A character has one to four bytes, so most bounds hold without counting.
        let most = end as u64 - 1;
        let is_within = rule.length.least <= most.div_ceil(4) && most <= rule.length.most;
        if !is_within {
            let text = self.part(rest, 1, end)?;
            follows(rule, text).then_some(())?;
        }
        rest.get(end + 1..)
    }

    /// The bytes from one place to another one of what is left.
    fn part(&self, rest: &[u8], start: usize, end: usize) -> Option<&'b str> {
        let at = self.text.len() - rest.len();
        self.text.get(at + start..at + end)
    }

    fn option(&self, rule: &Rule, rest: &'b [u8]) -> Behind<'b> {
        let mut options = rule.options.iter();
        let found = options.find_map(|option| option.token.behind(rest, &self.plan.tokens));
        found.or_else(|| self.decoded(rule, rest))
    }

    /// A text that may have escapes.
    #[cold]
    fn decoded(&self, rule: &Rule, rest: &'b [u8]) -> Behind<'b> {
        let mut text = String::new();
        let behind = self.decode(rest, &mut text)?;
        follows(rule, &text).then_some(behind)
    }

    #[cold]
    fn decode(&self, rest: &'b [u8], out: &mut String) -> Behind<'b> {
        let found = special(rest, 1)?;
        let text = self.text.get(self.text.len() - rest.len()..)?;
        rest.get(escaped(text, 1, found, out)?..)
    }

    fn list(&mut self, rule: &Rule, rest: &'b [u8], depth: usize) -> Behind<'b> {
        let mut rest = open(rest, depth)?;
        let mut count = 0;
        if let [b']', behind @ ..] = rest {
            rest = behind;
        } else {
            loop {
                rest = behind_blanks(self.value(rule.items, rest, depth + 1)?);
                count += 1;
                match rest {
                    [b',', behind @ ..] => rest = behind_blanks(behind),
                    [b']', behind @ ..] => {
                        rest = behind;
                        break;
                    }
                    _ => return None,
                }
            }
        }
        rule.count.allow(count).then_some(rest)
    }

    fn members(&mut self, all: &'p Members, rest: &'b [u8], depth: usize) -> Behind<'b> {
        let mut rest = open(rest, depth)?;
        let (mut count, mut seen, mut next) = (0, 0, 0);
        if let [b'}', behind @ ..] = rest {
            rest = behind;
        } else {
            loop {
                // Most bodies have the order of their model.
                let expected = all.properties.get(next);
                let expected = expected.and_then(|property| {
                    let behind = property.token.behind(rest, &self.plan.tokens)?;
                    Some((property, behind))
                });
                let rule;
                (rule, rest) = match expected {
                    Some((property, behind)) => {
                        next += 1;
                        seen |= property.bit;
                        (property.rule, behind)
                    }
                    None => {
                        let (index, behind) = self.name(all, rest)?;
                        let property = index.map(|index| &all.properties[index]);
                        next = index.map_or(next, |index| index + 1);
                        seen |= property.map_or(0, |property| property.bit);
                        (
                            property.map_or(all.others, |property| Some(property.rule))?,
                            behind,
                        )
                    }
                };
                rest = behind_blanks(self.value(rule, behind_blanks(rest), depth + 1)?);
                count += 1;
                match rest {
                    [b',', behind @ ..] => rest = behind_blanks(behind),
                    [b'}', behind @ ..] => {
                        rest = behind;
                        break;
                    }
                    _ => return None,
                }
            }
        }
        (seen == all.required && all.count.allow(count)).then_some(rest)
    }

    /// Any name with its colon: which property it is, if it is one.
    #[inline(never)]
    fn name(&self, all: &Members, rest: &'b [u8]) -> Option<(Option<usize>, &'b [u8])> {
        if *rest.first()? != b'"' {
            return None;
        }
        let (end, byte) = special(rest, 1)?;
        let mut decoded = String::new();
        let (name, behind) = match byte {
            b'"' => (rest.get(1..end)?, rest.get(end + 1..)?),
            _ => {
                let behind = self.decode(rest, &mut decoded)?;
                (decoded.as_bytes(), behind)
            }
        };
        let behind = behind_blanks(behind).strip_prefix(b":")?;
        Some((all.find(name), behind))
    }

    /// A value of a kind that its rule does not know.
    #[cold]
    fn look_closer(&mut self, rule: &Rule, rest: &'b [u8], depth: usize) -> Behind<'b> {
        let validator = rule.validator.as_ref()?;
        let at = self.text.len() - rest.len();
        let items = std::mem::take(&mut self.items);
        let (document, end) = Document::read_part(self.text, at, depth, items)?;
        let is_valid = validator.is_valid(document.root());
        self.items = document.items;
        is_valid.then_some(self.text.as_bytes().get(end..)?)
    }
}

impl Members {
    fn find(&self, name: &[u8]) -> Option<usize> {
        let key = key_of(name);
        let first = self.keys.partition_point(|(other, _)| *other < key);
        let alike = self.keys[first..].iter();
        let mut alike = alike.take_while(|(other, _)| *other == key);
        let found = alike.find(|(_, index)| self.properties[*index].name.as_bytes() == name);
        found.map(|(_, index)| *index)
    }
}

fn follows(rule: &Rule, text: &str) -> bool {
    let mut options = rule.options.iter();
    let is_option = rule.options.is_empty() || options.any(|option| *option.text == *text);
    is_option && rule.length.allow(text.chars().count() as u64)
}

/// What is in a list or an object, behind its bracket.
#[inline(always)]
fn open(rest: &[u8], depth: usize) -> Behind<'_> {
    (depth < DEPTH_MAX).then(|| behind_blanks(rest))
}

#[inline(always)]
fn numeral<'b>(rule: &Rule, rest: &'b [u8]) -> Behind<'b> {
    let (item, behind) = number(rest)?;
    let (kind, value) = match item {
        Item::Unsigned(value) => (INTEGER, value as f64),
        Item::Negative(value) => (INTEGER, value as f64),
        Item::Float(value) => (FRACTION, value),
        _ => return None,
    };
    (rule.kinds & kind != 0 && rule.number.allow(value)).then_some(behind)
}
