//! What a mapping takes out of a JSON body: names, indices and `*`, no `..` and no filters.
//! (AWS: "Recursive descent and filter expressions aren't supported.")

use serde_json::Value;

/// Steps into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick(Box<[Step]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(Box<str>),
    /// Negative ones count from the end.
    Index(i64),
    All,
}

/// What one `*` and all behind it may gather.
const FOUND_MAX: usize = 1_000;

impl Pick {
    /// Reads what follows `body`: `.a.b[0]['c d']`; none if it cannot be understood.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (step, behind) = match rest.strip_prefix('[') {
                Some(inner) => bracket(inner)?,
                None => name(rest.strip_prefix('.')?)?,
            };
            steps.push(step);
            rest = behind;
        }
        (!steps.is_empty()).then(|| Self(steps.into()))
    }

    /// The text of what is there: of a string its characters, of anything else its JSON; none for
    /// nothing and for `null`.
    pub(super) fn find(&self, value: &Value) -> Option<String> {
        let mut found = vec![value];
        let mut is_list = false;
        for step in &self.0 {
            let next = found.iter().flat_map(|value| step.of(value));
            let next: Vec<&Value> = next.take(FOUND_MAX).collect();
            found = next;
            is_list |= *step == Step::All;
        }
        match (&found[..], is_list) {
            ([], _) => None,
            ([one], false) => text(one),
            (many, _) => serde_json::to_string(many).ok(),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => serde_json::to_string(other).ok(),
    }
}

impl Step {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Name(name), Value::Object(members)) => {
                members.get(&**name).into_iter().collect()
            }
            (Self::Index(index), Value::Array(elements)) => {
                let from_end = elements.len() as i64 + index;
                let at = if *index < 0 { from_end } else { *index };
                let at = usize::try_from(at).ok();
                at.and_then(|at| elements.get(at)).into_iter().collect()
            }
            (Self::All, Value::Array(elements)) => elements.iter().take(FOUND_MAX).collect(),
            (Self::All, Value::Object(members)) => members.values().take(FOUND_MAX).collect(),
            _ => Vec::new(),
        }
    }
}

/// A name up to the next `.` or `[`.
fn name(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = !name.is_empty() && !name.contains(['(', ')', ']', '?', '@']);
    match name {
        "*" => Some((Step::All, rest)),
        _ => is_name.then(|| (Step::Name(name.into()), rest)),
    }
}

/// What stands in brackets, the first one taken off.
fn bracket(text: &str) -> Option<(Step, &str)> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            let (name, rest) = inner.split_once(quote)?;
            let rest = rest.strip_prefix(']')?;
            return (!name.is_empty()).then(|| (Step::Name(name.into()), rest));
        }
    }
    let (index, rest) = text.split_once(']')?;
    match index {
        "*" => Some((Step::All, rest)),
        _ => Some((Step::Index(index.parse().ok()?), rest)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_and_shown_as_text() {
        let value = json!({
            "a": { "b c": [1, "two", { "d": true }, null], "x.y": 1.5 },
            "": 0,
            "list": [{ "id": 1 }, { "id": "2" }, {}],
        });
        let check = |path: &str, expected: Option<&str>| {
            let found = Pick::parse(path).unwrap().find(&value);
            assert_eq!(found.as_deref(), expected, "{path}");
        };
        check(".a['b c'][0]", Some("1"));
        check(".a[\"b c\"][1]", Some("two"));
        check(".a.b c[2]", Some("{\"d\":true}"));
        check(".a['b c'][2].d", Some("true"));
        check(".a['b c'][3]", None);
        check(".a['b c'][-2].d", Some("true"));
        check(".a['b c'][9]", None);
        check(".a['b c'][-9]", None);
        check(".a['x.y']", Some("1.5"));
        check(".a.x.y", None);
        check(".list[*].id", Some("[1,\"2\"]"));
        check(".list.*.none", None);
        check(".list[0]", Some("{\"id\":1}"));
        check(".none.at.all", None);
        check(".list.id", None);
    }

    #[test]
    fn descent_filters_and_halves_are_refused() {
        for path in [
            "",
            ".",
            "..a",
            ".a.",
            ".a..b",
            "a",
            "[",
            "[]",
            "[a]",
            "['a]",
            "['a'",
            "['']",
            "[?(@.a)]",
            ".a[?(@.b==1)]",
            ".a(b)",
            "[1.5]",
            "[0:2]",
            ".a]",
        ] {
            assert_eq!(Pick::parse(path), None, "{path}");
        }
    }
}
