//! One condition: an operator, a key of the request, the values of the policy.

use crate::lang::policy::operator::{OPERATORS, Operand, Operator};
use crate::lang::policy::pattern::Syntax;
use crate::lang::policy::{Context, PolicyError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// In lower case: keys are blind to it.
    key: String,
    operands: Vec<Operand>,
    negated: bool,
    rule: Rule,
}

/// How the values of the request have to match, and what holds when there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// No word before the operator.
    Plain {
        if_exists: bool,
    },
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any {
        if_exists: bool,
    },
    Null,
}

impl Condition {
    pub(crate) fn parse(
        operator: &str,
        key: &str,
        values: &[String],
        syntax: Syntax,
        place: &str,
    ) -> Result<Self, PolicyError> {
        let unknown = || PolicyError::new(place, format!("no condition operator `{operator}`"));
        let (set, name) = match operator.split_once(':') {
            Some((set, name)) => (Some(set), name),
            None => (None, operator),
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (_, operator, negated) = OPERATORS
            .iter()
            .find(|(known, _, _)| *known == name)
            .ok_or_else(unknown)?;
        let rule = match (set, operator) {
            (None, Operator::Null) if !if_exists => Rule::Null,
            (_, Operator::Null) => return Err(unknown()),
            (None, _) => Rule::Plain { if_exists },
            // Without values it holds anyhow.
            (Some("ForAllValues"), _) => Rule::All,
            (Some("ForAnyValue"), _) => Rule::Any { if_exists },
            (Some(_), _) => return Err(unknown()),
        };
        let operands = values
            .iter()
            .map(|value| {
                Operand::parse(*operator, value, syntax)
                    .ok_or_else(|| PolicyError::new(place, format!("`{value}` does not fit")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            key: key.to_ascii_lowercase(),
            operands,
            negated: *negated,
            rule,
        })
    }

    /// In lower case.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn holds(&self, context: &Context) -> bool {
        let found = context.values(&self.key);
        // Several values of the policy are joined by OR, those of a negated operator by NOR.
        let one = |value: &String| {
            let matches = self
                .operands
                .iter()
                .any(|operand| operand.matches(value, context));
            matches != self.negated
        };
        match (self.rule, found) {
            (Rule::Null, found) => {
                let wanted = Operand::Bool(found.is_none());
                self.operands.contains(&wanted)
            }
            (Rule::Plain { if_exists }, None) => if_exists || self.negated,
            (Rule::Plain { .. }, Some(values)) if self.negated => values.iter().all(one),
            (Rule::Plain { .. }, Some(values)) => values.iter().any(one),
            (Rule::All, None) => true,
            (Rule::All, Some(values)) => values.iter().all(one),
            (Rule::Any { if_exists }, None) => if_exists,
            (Rule::Any { .. }, Some(values)) => values.iter().any(one),
        }
    }
}
