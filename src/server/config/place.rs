//! From the path of a resource to its place in the file, for problems that are found later.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::model::v2::RouteKey;
use crate::server::config::read;
use crate::server::config::within;

/// A problem that names its resource by path: `["apis", "pets", "routes", "GET /x", "integration", "uri"]`.
/// List elements go by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub path: Vec<String>,
    /// Bytes of the string at the path's end; of its key, if a table is there.
    pub within: Option<Range<usize>>,
    pub message: String,
    pub hint: Option<String>,
}

/// Where each stands in the file: under the value if it is a text, number or flag, under the key
/// if it is a table or list. A path that leads nowhere ends at the last of its keys that exists.
/// What turns out to stand elsewhere is said of the field where it stands.
pub fn places(text: &str, problems: &mut [Located]) -> Vec<Option<Range<usize>>> {
    let (root, _) = read::parse(text);
    let place = |problem: &mut Located| find(text, root.get_ref(), problem);
    problems.iter_mut().map(place).collect()
}

fn find(text: &str, root: &DeTable<'_>, problem: &mut Located) -> Option<Range<usize>> {
    let (range, whole) = walk(root, &problem.path)?;
    // A stage without a format of its own has the one of `logging`.
    if !whole && problem.path.last().is_some_and(|name| name == FORMAT) {
        let shared = ["logging".to_owned(), FORMAT.to_owned()];
        if let Some((range, true)) = walk(root, &shared) {
            if let Some((_, wrong)) = problem.message.split_once(&format!("{FORMAT}: ")) {
                problem.message = format!("{}: {wrong}", shared.join("."));
            }
            return Some(part(text, range, problem.within.clone()));
        }
    }
    match whole {
        true => Some(part(text, range, problem.within.clone())),
        false => Some(range),
    }
}

const FORMAT: &str = "access_log_format";

fn part(text: &str, span: Range<usize>, within: Option<Range<usize>>) -> Range<usize> {
    match within {
        Some(part) => within::place(text, &span, part),
        None => span,
    }
}

/// The place, and whether the path was walked to its end. A text in the place of a table (the
/// short form of a target) ends the path.
fn walk(root: &DeTable<'_>, path: &[String]) -> Option<(Range<usize>, bool)> {
    let mut table = root;
    let mut found = None;
    let mut names = path.iter().peekable();
    let mut above = "";
    while let Some(name) = names.next() {
        let Some((key, value)) = entry(table, above, name) else {
            return found.map(|range| (range, false));
        };
        let (mut key, mut value) = (key, value);
        while let (DeValue::Array(items), Some(index)) = (value.get_ref(), names.peek()) {
            let Some(item) = index.parse().ok().and_then(|index: usize| items.get(index)) else {
                return Some((key, false));
            };
            names.next();
            (key, value) = (item.span(), item);
        }
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(_) => return Some((key, names.peek().is_none())),
            _ => return Some((value.span(), true)),
        }
        above = name;
        found = Some(key);
    }
    found.map(|range| (range, true))
}

type Entry<'a, 'i> = (Range<usize>, &'a toml::Spanned<DeValue<'i>>);

/// Route keys are found by meaning: the path may spell one in another way than the file.
fn entry<'a, 'i>(table: &'a DeTable<'i>, above: &str, name: &str) -> Option<Entry<'a, 'i>> {
    if let Some((key, value)) = table.get_key_value(name) {
        return Some((key.span(), value));
    }
    if above != "routes" {
        return None;
    }
    let wanted = RouteKey::parse(name).ok()?;
    table
        .iter()
        .find(|(key, _)| RouteKey::parse(key.get_ref()).is_ok_and(|key| key == wanted))
        .map(|(key, value)| (key.span(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[logging]
access_log_format = "$nope"
[upstreams.pets]
targets = ["a:1", { address = "b:2" }]
[apis.pets]
hosts = ["a.example", "b.example"]
[apis.pets.routes."GET /pets/{id}"]
integration = { type = "http_proxy", uri = "http://pets/\u00e9" }
"#;

    #[test]
    fn a_path_leads_to_the_text_that_is_to_blame() {
        let check = |path: &str, within: Option<Range<usize>>, expected: Option<&str>| {
            let mut problem = Located {
                path: path.split('|').map(str::to_owned).collect(),
                within,
                message: String::new(),
                hint: None,
            };
            let place = places(TEXT, std::slice::from_mut(&mut problem)).remove(0);
            assert_eq!(place.map(|range| &TEXT[range]), expected, "{path}");
        };
        let uri = "apis|pets|routes|GET /pets/{id}|integration|uri";
        check(uri, None, Some("\"http://pets/\\u00e9\""));
        check(uri, Some(7..11), Some("pets"));
        check(uri, Some(12..14), Some("\\u00e9"));
        check(
            "apis|pets|routes|GET /pets/{id}",
            None,
            Some("\"GET /pets/{id}\""),
        );
        check("apis|pets|routes|GET /pets/{id}", Some(4..9), Some("/pets"));
        check("apis|pets|routes|GET /x", None, Some("routes"));
        check("apis|pets|hosts|1", None, Some("\"b.example\""));
        check("apis|pets|hosts", None, Some("hosts"));
        check("apis|pets|hosts|7", None, Some("hosts"));
        check("upstreams|pets|targets|0|address", Some(2..3), Some("1"));
        check("upstreams|pets|targets|1|address", Some(0..1), Some("b"));
        check(
            "upstreams|pets|targets|1",
            None,
            Some("{ address = \"b:2\" }"),
        );
        check(
            "apis|pets|stages|$default|access_log_format",
            Some(0..5),
            Some("$nope"),
        );
        check("nowhere|at|all", None, None);
    }

    #[test]
    fn a_format_that_stages_share_is_blamed_where_it_stands() {
        let path = ["apis", "pets", "stages", "one", "access_log_format"];
        let mut problem = Located {
            path: path.map(str::to_owned).into(),
            within: None,
            message: "apis.pets.stages.one.access_log_format: no such: variable".to_owned(),
            hint: None,
        };
        places(TEXT, std::slice::from_mut(&mut problem));
        let expected = "logging.access_log_format: no such: variable";
        assert_eq!(problem.message, expected);
    }
}
