//! What a template looks at of a call, so that nothing else has to be gathered for it.

use super::run::{CONTEXT, COUNT, HAS_NEXT, STAGE_VARIABLES};
use super::tree::Step;

/// More names than these count as all of them.
const NAMES_MAX: usize = 64;

/// Found when a template is parsed: nothing can be looked at that is not written in it.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    params: bool,
    stage_variables: bool,
    /// `$velocityCount`, `$velocityHasNext`
    loop_counts: bool,
    /// `$context` itself, or something of it that is only known when it is run.
    whole_context: bool,
    /// Dotted names behind `$context`, at most two of each.
    context: Vec<Box<str>>,
}

impl Uses {
    /// `$input.params`: path, query or headers.
    pub fn params(&self) -> bool {
        self.params
    }

    pub fn stage_variables(&self) -> bool {
        self.stage_variables
    }

    /// `$velocityCount` or `$velocityHasNext`, which few still use.
    pub(super) fn loop_counts(&self) -> bool {
        self.loop_counts
    }

    /// Whether something may be read of `$context.{name}`.
    pub fn context(&self, name: &str) -> bool {
        let is_in = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut used = self.context.iter();
        self.whole_context || used.any(|used| is_in(used, name) || is_in(name, used))
    }

    /// `$context.requestOverride` or `$context.responseOverride`.
    pub(super) fn overrides(&self) -> bool {
        self.context("requestOverride") || self.context("responseOverride")
    }

    pub(super) fn note_reference(&mut self, slot: usize, steps: &[Step]) {
        match (slot, steps) {
            (CONTEXT, [Step::Property(first), Step::Property(second), ..]) => {
                self.note_context(format!("{}.{}", first.name, second.name));
            }
            (CONTEXT, [Step::Property(first), ..]) => self.note_context(first.name.to_string()),
            (CONTEXT, _) => self.whole_context = true,
            (STAGE_VARIABLES, _) => self.stage_variables = true,
            (COUNT | HAS_NEXT, _) => self.loop_counts = true,
            _ => {}
        }
    }

    pub(super) fn note_method(&mut self, name: &str) {
        self.params |= name == "params";
    }

    fn note_context(&mut self, name: String) {
        if self.context.len() >= NAMES_MAX {
            self.whole_context = true;
        } else if !self.context.iter().any(|known| **known == *name) {
            self.context.push(name.into());
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use crate::lang::vtl::Template;

    #[track_caller]
    fn check(template: &str, used: &[&str], unused: &[&str]) {
        let template = Template::compile(template).expect("a template");
        let uses = template.uses();
        for (names, expected) in [(used, true), (unused, false)] {
            for name in names {
                let found = match *name {
                    "params" => uses.params(),
                    "stageVariables" => uses.stage_variables(),
                    name => uses.context(name),
                };
                assert_eq!(found, expected, "{name} in {:?}", template.source());
            }
        }
    }

    #[test]
    fn what_is_looked_at_is_found() {
        let all = ["stage", "identity.sourceIp", "requestOverride"];
        check("plain $x", &[], &["params", "stageVariables", "stage"]);
        check(
            "$context.stage",
            &["stage"],
            &["params", "path", "identity.sourceIp"],
        );
        check(
            "${context.identity.sourceIp}",
            &["identity.sourceIp"],
            &["identity.userAgent", "stage"],
        );
        check(
            "$context.identity",
            &["identity.sourceIp", "identity.userAgent"],
            &["stage"],
        );
        check("$context.path.length()", &["path"], &["stage"]);
        check("#set($c = $context)", &all, &["params"]);
        check("$context.get('stage')", &all, &[]);
        check("$context[\"stage\"]", &all, &[]);
        check("#set($x = \"a $context.stage\")", &["stage"], &["path"]);
        check("$x.y($context.stage)", &["stage"], &["path"]);
        check("#foreach($x in $context.keySet())#end", &all, &[]);
        check("#define($b)$context.path#end", &["path"], &["stage"]);
        check(
            "#set($i = $input)$i.params()",
            &["params"],
            &["stageVariables"],
        );
        check("\\$context.stage", &["stage"], &["path"]);
        check("$stageVariables.x", &["stageVariables"], &["params"]);
        check(
            "#set($context.requestOverride.header.a = 1)",
            &["requestOverride"],
            &["stage"],
        );
    }
}
