//! Reading a changed file by what is known of it, beside a reading of the whole.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::server::config::Config;
use crate::server::config::load::again;
use crate::server::config::memory::Memory;

fn whole(text: &str) -> Option<Config> {
    Config::parse(text, "x.toml").ok()
}

fn memory_of(text: &str) -> Memory {
    let config = Config::parse(text, "x.toml").unwrap_or_else(|report| unreachable!("{report}"));
    Memory::of(text.to_owned(), &config)
}

/// Reads `text` by `memory`, and compares with a reading of the whole and with what that remembers.
fn reread(memory: &Memory, text: &str) -> Option<Memory> {
    let (config, (), mut memory) = again(memory, text, Path::new(""), |_| Ok(()))?;
    assert_eq!(Some(&config), whole(text).as_ref(), "{text}");
    memory.text = text.to_owned();
    let fresh = Memory::of(text.to_owned(), &config);
    assert_eq!(format!("{memory:?}"), format!("{fresh:?}"), "{text}");
    Some(memory)
}

fn table(n: u32, body: &str) -> String {
    format!(
        "[apis.a.routes.\"GET /{n}/{{id}}\"]\nintegration = {{ type = \"mock\", body = \"{body}\" }}\n"
    )
}

fn line(n: u32, body: &str) -> String {
    format!("\"GET /{n}\" = {{ integration = {{ type = \"mock\", body = \"{body}\" }} }}\n")
}

fn tables(numbers: impl Iterator<Item = u32>) -> String {
    numbers.map(|n| table(n, "x")).collect()
}

#[test]
fn only_what_changed_is_read_again() {
    let check = |before: &str, after: &str, read: usize| {
        let memory = memory_of(before);
        let outline = memory.outline(after).unwrap();
        let again = whole(&outline.rest).unwrap().route_count();
        assert_eq!(again, read, "{}", outline.rest);
        assert!(reread(&memory, after).is_some());
    };
    let head = "[apis.a]\nhosts = [\n  \"a.example\", # ]\n]\n# routes\n";
    let lines = |numbers: std::ops::Range<u32>| -> String {
        let lines: String = numbers.map(|n| line(n, "x")).collect();
        "[apis.b.routes]\n".to_owned() + &lines
    };
    let all = head.to_owned() + &tables(0..9) + &lines(0..9);
    // The first route of each API is always read.
    check(&all, &all, 2);
    check(&all, &(all.clone() + &line(9, "x")), 3);
    check(&all, &all.replacen("/5\" = {", "/5\" =  {", 1), 3);
    check(&all, &all.replacen("/4/{id}\"]", "/4/{id}\"] # why", 1), 3);
    check(&all, &all.replacen(&table(4, "x"), "", 1), 2);
    check(
        &all,
        &all.replacen(&table(4, "x"), &(table(10, "x") + &table(4, "x")), 1),
        3,
    );
    // Moved to the end, and its whole neighbourhood to the front.
    check(
        &all,
        &(head.to_owned() + &tables((0..9).rev()) + &lines(0..9)),
        2,
    );
    check(&all, &all.replace("a.example", "b.example"), 2);
    let sub = "[apis.a.routes.\"GET /4/{id}\".throttling]\nrate_limit = 1\nburst_limit = 1\n";
    let with_sub = all.replacen(&table(4, "x"), &(table(4, "x") + sub), 1);
    check(&all, &with_sub, 3);
    check(&with_sub, &all, 3);
    check(&with_sub, &(with_sub.clone() + "\n# the end"), 2);
    let crlf = all.replace('\n', "\r\n");
    check(&crlf, &(crlf.clone() + &line(9, "x")), 3);
}

#[test]
fn what_routes_are_read_by_is_read_as_a_whole() {
    let check = |before: &str, after: &str| {
        assert!(whole(after).is_some(), "{after}");
        assert!(reread(&memory_of(before), after).is_none(), "{after}");
    };
    let routes = tables(0..3);
    check(
        &routes,
        &format!("[limits]\nbody_bytes = \"1KiB\"\n{routes}"),
    );
    check(
        &routes,
        &format!("[account]\nregion = \"eu-west-1\"\n{routes}"),
    );
    // What could be anywhere.
    let one = "integration = { type = \"mock\" }\n";
    for written in [
        format!("[apis.'b'.routes.\"GET /x\"]\n{one}"),
        format!("[ apis.b.routes.\"GET /x\" ]\n{one}"),
        "[apis.b]\nroutes.\"GET /x\".integration = { type = \"mock\" }\n".to_owned(),
        "[apis]\nb.routes.\"GET /x\".integration = { type = \"mock\" }\n".to_owned(),
        "[apis.b.routes]\n\"GET /x\".integration = { type = \"mock\" }\n".to_owned(),
        "[apis.b.routes.\"GET /x\"]\nintegration = { type = \"mock\", body = \"\"\"\n[\"\"\" }\n"
            .to_owned(),
        format!("[apis.b.routes.\"GET /\\u0078\"]\n{one}"),
    ] {
        check(&routes, &(routes.clone() + &written));
        check(
            &(routes.clone() + &written),
            &(routes.clone() + &written + "# end\n"),
        );
    }
    // A route in two places.
    let apart = "[apis.a.routes.\"GET /0/{id}\".throttling]\nrate_limit = 1\nburst_limit = 1\n";
    check(&routes, &(routes.clone() + apart));
    check(&(routes.clone() + apart), &routes);
}

#[test]
fn a_route_that_stands_twice_is_found() {
    let routes = tables(0..4);
    let memory = memory_of(&routes);
    for again in [
        table(2, "x"),
        table(2, "y"),
        table(2, "x").replace('"', "'"),
    ] {
        assert!(reread(&memory, &(routes.clone() + &again)).is_none());
        assert!(reread(&memory, &(again + &routes)).is_none());
    }
}

/// Mostly routes, in all the ways to write them; now and then what breaks a file or could.
fn chunk() -> impl Strategy<Value = String> {
    let route = (0..2_u8, 0..40_u8, 0..4_u8, 0..6_u8).prop_map(|(api, n, body, style)| {
        let api = ["x", "y-1"][usize::from(api)];
        let mock = format!("{{ type = \"mock\", body = \"{body}\" }}");
        match style {
            0 | 1 => format!("[apis.{api}.routes.\"GET /{n}\"]\nintegration = {mock}\n"),
            2 => format!(
                "[apis.{api}.routes.'GET /{n}'] # one\nintegration = {mock}\n\n# [apis.x]\n"
            ),
            3 => format!(
                "[apis.{api}.routes.\"GET /{n}\"]\n  [apis.{api}.routes.\"GET /{n}\".integration]\n  type = \"mock\"\n  status = 20{body}\n"
            ),
            4 => format!("\"GET /{n}\" = {{ integration = {mock} }}\n"),
            _ => format!("[apis.{api}.routes.\"GET /{n}\".integration]\r\ntype = \"mock\"\r\n"),
        }
    });
    let other = select(vec![
        "[apis.x.routes]\n",
        "[apis.y-1.routes]\n",
        "\n",
        "# [apis.x.routes.\"GET /1\"]\n",
        "[apis.x]\nhosts = [\"a.example\", # \"]\n\"b.example\"]\n",
        "[apis.y-1]\nbase_path = '/\"'\n",
        "[apis.x.stages.\"$default\"]\nvariables = { a = \"b\" }\n",
        "[limits]\nbody_bytes = \"1KiB\"\n",
        "[upstreams.u]\ntargets = [\"127.0.0.1:1\"]\n",
        "[apis.y-1.routes.\"GET /f\"]\nintegration = { type = \"aws_proxy\", function = \"f\" }\n",
        "[apis.\"x\".routes.\"GET /7\"]\nintegration = { type = \"mock\" }\n",
        "[apis.x.routes.\"GET /7\".throttling]\nrate_limit = 1\nburst_limit = 1\n",
        "\"GET /7\".body_bytes = 1\n",
        "[[apis.x.routes]]\n",
        "integration = { type = \"mock\", body = \"\"\"\n[apis.x.routes.\"GET /1\"]\n\"\"\" }\n",
        "integration = {\n",
        "x = \"\n",
    ]);
    prop_oneof![12 => route, 3 => other.prop_map(str::to_owned)]
}

/// An edit of a list of chunks, and perhaps of a single character of what they make.
#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, String),
    Replace(usize, String),
    Remove(usize),
    Swap(usize, usize),
    Type(usize, char),
    Delete(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0..1_000_usize;
    prop_oneof![
        4 => (at.clone(), chunk()).prop_map(|(at, chunk)| Edit::Insert(at, chunk)),
        4 => (at.clone(), chunk()).prop_map(|(at, chunk)| Edit::Replace(at, chunk)),
        3 => at.clone().prop_map(Edit::Remove),
        3 => (at.clone(), at.clone()).prop_map(|(one, other)| Edit::Swap(one, other)),
        1 => (at.clone(), select("\"'[]{}#\n=. \\x0".chars().collect::<Vec<_>>()))
            .prop_map(|(at, typed)| Edit::Type(at, typed)),
        1 => at.prop_map(Edit::Delete),
    ]
}

fn apply(chunks: &mut Vec<String>, edit: Edit) {
    let count = chunks.len();
    match edit {
        Edit::Insert(at, chunk) => chunks.insert(at % (count + 1), chunk),
        _ if count == 0 => {}
        Edit::Replace(at, chunk) => chunks[at % count] = chunk,
        Edit::Remove(at) => drop(chunks.remove(at % count)),
        Edit::Swap(one, other) => chunks.swap(one % count, other % count),
        Edit::Type(at, typed) => {
            let chunk = &mut chunks[at % count];
            let at = at / count % (chunk.len() + 1);
            chunk.insert(at, typed);
        }
        Edit::Delete(at) => {
            let chunk = &mut chunks[at % count];
            if !chunk.is_empty() {
                chunk.remove(at / count % chunk.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn reading_again_is_as_reading_the_whole(
        first in vec(chunk(), 0..14),
        edits in vec(vec(edit(), 1..4), 1..8),
    ) {
        let mut chunks = first;
        let mut memory = Memory::default();
        for edits in edits {
            let before = chunks.clone();
            edits.into_iter().for_each(|edit| apply(&mut chunks, edit));
            let text = chunks.concat();
            match (reread(&memory, &text), whole(&text)) {
                (Some(next), _) => memory = next,
                (None, Some(config)) => memory = Memory::of(text, &config),
                // Somebody mends it, or takes it back.
                (None, None) if before.len() % 2 == 0 => chunks = before,
                (None, None) => {}
            }
        }
    }
}
