//! A model as a walk over the text of a body wants it: for each value what has to hold of it, names as
//! they are written in a body.
//!
//! A plan knows the keywords that most models are made of. A part of a model that says more is left to
//! a validator, which is asked with that part of the body.

use std::collections::HashMap;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::document::key_of;
use super::keywords::{Level, Simple, has, is_shown};
use super::representation::Items;
use super::{Library, MODELS, build};
use crate::lang::value::Known;

/// Which kinds of values are allowed, a bit for each.
pub(super) type Kinds = u8;

pub(super) const NULL: Kinds = 1;
pub(super) const BOOLEAN: Kinds = 1 << 1;
/// Numbers that are written without a point or an exponent.
pub(super) const INTEGER: Kinds = 1 << 2;
/// The other ones.
pub(super) const FRACTION: Kinds = 1 << 3;
pub(super) const TEXT: Kinds = 1 << 4;
pub(super) const LIST: Kinds = 1 << 5;
pub(super) const MEMBERS: Kinds = 1 << 6;
pub(super) const ALL: Kinds = (1 << 7) - 1;

/// The rule under which everything is allowed.
pub(super) const ANYTHING: usize = 0;

/// Parts of a model in each other, those that it refers to included. Others are left to validators.
const DEPTH_MAX: usize = 150;

/// References that lead to references.
const HOPS_MAX: usize = 16;

/// A compiled model.
#[derive(Debug)]
pub struct Plan {
    pub(super) rules: Vec<Rule>,
    pub(super) first: usize,
    /// Names and options as they stand in a body.
    pub(super) tokens: Vec<u8>,
}

/// What has to hold of a value.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) kinds: Kinds,
    /// Characters of a text.
    pub(super) length: Bounds<u64>,
    /// The texts that are allowed, if not all are.
    pub(super) options: Vec<Choice>,
    pub(super) number: Bounds<f64>,
    pub(super) count: Bounds<u64>,
    /// The rule for what is in a list.
    pub(super) items: usize,
    pub(super) members: Members,
    /// In the place of all others; no kind is allowed then.
    pub(super) validator: Option<Box<Validator<Items>>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<T> {
    pub(super) least: T,
    pub(super) most: T,
}

#[derive(Debug)]
pub(super) struct Choice {
    pub(super) token: Known,
    pub(super) text: Box<str>,
}

/// What has to hold of the members of an object.
#[derive(Debug)]
pub(super) struct Members {
    /// In the order of the model.
    pub(super) properties: Vec<Property>,
    /// Keys of their names in order, and which they are.
    pub(super) keys: Vec<(u32, usize)>,
    pub(super) required: u64,
    /// The rule for all others, if there may be others.
    pub(super) others: Option<usize>,
    pub(super) count: Bounds<u64>,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) token: Known,
    pub(super) name: Box<str>,
    pub(super) rule: usize,
    /// Its bit, if it is required.
    pub(super) bit: u64,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    #[inline]
    pub(super) fn allow(&self, value: T) -> bool {
        self.least <= value && value <= self.most
    }
}

pub(super) const ANY_NUMBER: Bounds<f64> = Bounds {
    least: f64::NEG_INFINITY,
    most: f64::INFINITY,
};

pub(super) const ANY_COUNT: Bounds<u64> = Bounds {
    least: 0,
    most: u64::MAX,
};

impl Rule {
    /// With these kinds and no bounds.
    fn of(kinds: Kinds) -> Self {
        Self {
            kinds,
            length: ANY_COUNT,
            options: Vec::new(),
            number: ANY_NUMBER,
            count: ANY_COUNT,
            items: ANYTHING,
            members: Members {
                properties: Vec::new(),
                keys: Vec::new(),
                required: 0,
                others: Some(ANYTHING),
                count: ANY_COUNT,
            },
            validator: None,
        }
    }
}

impl Plan {
    /// None: the model says what a plan cannot. It has to be one that compiles.
    pub fn of(model: &Value, models: &Library) -> Option<Self> {
        let mut maker = Maker {
            models,
            texts: Vec::new(),
            places: HashMap::new(),
            depth: 0,
            plan: Self {
                rules: vec![Rule::of(ALL)],
                first: ANYTHING,
                tokens: Vec::new(),
            },
        };
        maker.add_text("", model.clone())?;
        let first = maker.refer(0, "#")?;
        Some(Self {
            first,
            ..maker.plan
        })
    }
}

struct Maker<'m> {
    models: &'m Library,
    /// Models with their names; the first one has none.
    texts: Vec<(String, Rc<Value>)>,
    /// Rules for places that are referred to: the text, and the JSON pointer in it.
    places: HashMap<(usize, String), usize>,
    depth: usize,
    plan: Plan,
}

impl Maker<'_> {
    /// One in which no part has an address of its own, which references would start from.
    fn add_text(&mut self, name: &str, model: Value) -> Option<usize> {
        const DRAFT_4: &str = "http://json-schema.org/draft-04/schema";
        let draft = model.get("$schema");
        let is_draft_4 = draft.is_none_or(|draft| {
            let draft = draft.as_str().unwrap_or_default();
            draft.trim_end_matches('#') == DRAFT_4
        });
        if !is_draft_4
            || has(&model, Level::Schema, &|name, value| {
                name == "id" && value.is_string()
            })
        {
            return None;
        }
        self.texts.push((name.to_owned(), Rc::new(model)));
        Some(self.texts.len() - 1)
    }

    /// The rule for what a reference in this text leads to.
    fn refer(&mut self, from: usize, reference: &str) -> Option<usize> {
        let (mut text, mut pointer) = self.resolve(from, reference)?;
        for _ in 0..HOPS_MAX {
            if let Some(rule) = self.places.get(&(text, pointer.clone())) {
                return Some(*rule);
            }
            let model = Rc::clone(&self.texts[text].1);
            let part = model.pointer(&pointer)?.as_object()?;
            match part.get("$ref") {
                // What stands beside it counts for nothing.
                Some(next) => (text, pointer) = self.resolve(text, next.as_str()?)?,
                None => {
                    let rule = self.reserve();
                    self.places.insert((text, pointer), rule);
                    self.fill(rule, text, part)?;
                    return Some(rule);
                }
            }
        }
        None
    }

    fn resolve(&mut self, from: usize, reference: &str) -> Option<(usize, String)> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let is_pointer = fragment.is_empty() || fragment.starts_with('/');
        if !is_pointer || fragment.contains('%') || fragment.split('/').any(is_shown) {
            return None;
        }
        if address.is_empty() {
            return Some((from, fragment.to_owned()));
        }
        let (_, name) = address.strip_prefix(MODELS)?.split_once("/models/")?;
        let mut known = self.texts.iter();
        let known = known.position(|(other, _)| other == name);
        let text = match known {
            Some(text) => text,
            None => {
                let model = serde_json::from_str(self.models.0.get(name)?).ok()?;
                self.add_text(name, model)?
            }
        };
        Some((text, fragment.to_owned()))
    }

    /// A place for a rule that follows. Until then nothing follows it.
    fn reserve(&mut self) -> usize {
        self.plan.rules.push(Rule::of(0));
        self.plan.rules.len() - 1
    }

    fn part(&mut self, text: usize, part: &Value) -> Option<usize> {
        let part = part.as_object()?;
        if let Some(reference) = part.get("$ref") {
            return self.refer(text, reference.as_str()?);
        }
        let rule = self.reserve();
        self.fill(rule, text, part)?;
        Some(rule)
    }

    fn fill(&mut self, rule: usize, text: usize, part: &Map<String, Value>) -> Option<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.plan.rules[rule] = match Simple::of(part) {
            Some(simple) => self.simple(text, &simple)?,
            None => left_to_validator(part)?,
        };
        self.depth -= 1;
        Some(())
    }

    fn simple(&mut self, text: usize, simple: &Simple<'_>) -> Option<Rule> {
        let mut rule = Rule {
            length: simple.length,
            number: simple.number,
            count: simple.count,
            ..Rule::of(simple.kinds)
        };
        if let Some(items) = simple.items {
            rule.items = self.part(text, items)?;
        }
        for option in &simple.options {
            let length = option.chars().count() as u64;
            if simple.length.allow(length) {
                rule.options.push(Choice {
                    token: self.token(&format!("\"{option}\"")),
                    text: (*option).into(),
                });
            }
        }
        if !simple.options.is_empty() {
            // Where none of them is short enough, no text is allowed.
            rule.kinds &= if rule.options.is_empty() { 0 } else { TEXT };
        }
        rule.members = self.members(text, simple)?;
        Some(rule)
    }

    fn members(&mut self, text: usize, simple: &Simple<'_>) -> Option<Members> {
        let others = match simple.others {
            None | Some(Value::Bool(true)) => Some(ANYTHING),
            Some(Value::Bool(false)) => None,
            Some(part) => Some(self.part(text, part)?),
        };
        let known = simple.properties.into_iter().flatten();
        let mut named: Vec<(&str, Option<&Value>)> =
            known.map(|(name, part)| (&**name, Some(part))).collect();
        for name in &simple.required {
            if !named.iter().any(|(other, _)| other == name) {
                named.push((name, None));
            }
        }
        let mut properties = Vec::with_capacity(named.len());
        let mut bits = 0;
        for (name, part) in named {
            let is_required = simple.required.contains(&name);
            let rule = match part {
                Some(part) => self.part(text, part)?,
                // One that has to be there, and may still be one of those that must not.
                None => match others {
                    Some(others) => others,
                    None => self.reserve(),
                },
            };
            properties.push(Property {
                token: self.token(&format!("\"{name}\":")),
                name: name.into(),
                rule,
                bit: if is_required { 1 << bits } else { 0 },
            });
            bits += u32::from(is_required);
        }
        let keys = properties.iter().enumerate();
        let keys = keys.map(|(index, property)| (key_of(property.name.as_bytes()), index));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        Some(Members {
            required: properties
                .iter()
                .fold(0, |all, property| all | property.bit),
            properties,
            keys,
            others,
            count: simple.members,
        })
    }

    fn token(&mut self, text: &str) -> Known {
        let start = self.plan.tokens.len();
        self.plan.tokens.extend_from_slice(text.as_bytes());
        Known::at(&self.plan.tokens, start, text.len())
    }
}

/// What a plan cannot say. References would lead nowhere there.
fn left_to_validator(part: &Map<String, Value>) -> Option<Rule> {
    let part = Value::Object(part.clone());
    if has(&part, Level::Schema, &|name, _| {
        name == "$ref" || name == "$schema"
    }) {
        return None;
    }
    let validator = build(&part, Library::of::<&str>(&[])).ok()?;
    Some(Rule {
        validator: Some(Box::new(validator)),
        ..Rule::of(0)
    })
}
