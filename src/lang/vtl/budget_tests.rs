//! Templates that take too much: each ends within its budget, whatever is large in it.

use super::*;

fn render(template: &str, body: &str, budget: Budget) -> Result<Rendered, RenderError> {
    let template = Template::compile(template);
    let template = template.unwrap_or_else(|error| unreachable!("{error}"));
    let scope = Scope {
        body: body.as_bytes(),
        ..Scope::default()
    };
    template.render(&scope, &budget)
}

#[track_caller]
fn check_runaway(template: &str, body: &str, budget: Budget) {
    match render(template, body, budget) {
        Err(error) => assert!(error.is_runaway, "{template}: {error}"),
        Ok(rendered) => unreachable!("{template}: {} bytes", rendered.text.len()),
    }
}

#[track_caller]
fn check(template: &str, body: &str, budget: Budget, expected: &str) {
    let rendered = render(template, body, budget).map(|rendered| rendered.text);
    assert_eq!(rendered.as_deref(), Ok(expected), "{template}");
}

fn few_steps() -> Budget {
    Budget {
        steps: 1000,
        ..Budget::default()
    }
}

fn little_memory() -> Budget {
    Budget {
        memory_bytes: 1_000_000,
        ..Budget::default()
    }
}

fn ones(count: usize) -> String {
    format!("[{}1]", "1,".repeat(count - 1))
}

/// Each of a hundred levels holds the one below twice.
#[test]
fn values_with_parts_in_common_are_not_gone_over_without_an_end() {
    let twice = "#set($a = [1])#set($b = [1])#foreach($i in [1..100])\
        #set($a = [$a, $a])#set($b = [$b, $b])#end";
    let kept = "#set($d = $input.path('$'))#set($d.a = $a)#set($d.x[0].b = $b)";
    for last in [
        "#if($a == $b)x#end",
        "$a.equals($b)",
        "#set($l = [$a])$l.contains($b)",
        "#set($l = [$a])$l.indexOf($b)",
        "#set($l = [$a])#set($m = [$b])$l.removeAll($m)",
        "#set($m = {'k': $a})$m.containsValue($b)",
        "#set($m = {'k': $a})#set($n = {'k': $b})$m.equals($n)",
        "$a",
        "$a.toString()",
        "#set($t = \"$a\")",
        "$input.json('$')",
        "$input.path('$.x').toJSONString()",
        "$input.path('$.x[?(@.b == $.a)]')",
        "$input.path('$.x[?(@.b in [$.a])]')",
        "$input.path('$.x[?(@.b =~ /x/)]')",
        "$input.path('$..nope')",
    ] {
        let budget = Budget {
            output_bytes: 1_000_000,
            ..little_memory()
        };
        check_runaway(&format!("{twice}{kept}{last}"), r#"{"x":[{}]}"#, budget);
    }
    let too_long = "#set($context.responseOverride.a = $a)";
    check(&format!("{twice}{too_long}"), "", little_memory(), "");
    let other = "#if($input.path('$.x') == $input.path('$.y'))same#end";
    check(
        other,
        r#"{"x":[{"a":[1]}],"y":[{"a":[1]}]}"#,
        few_steps(),
        "same",
    );
}

#[test]
fn a_value_that_holds_itself_has_an_end_for_paths() {
    let template = "#set($d = $input.path('$'))#set($d.self = $d)$input.path('$..nope')";
    check_runaway(template, r#"{"a":1}"#, Budget::default());
}

#[test]
fn overrides_are_bounded() {
    let body = "x".repeat(60_000);
    let list = |items: usize| {
        format!("#set($l = [])#foreach($i in [1..{items}])#set($x = $l.add($input.body))#end")
    };
    let set = "#set($o = $context.responseOverride)#set($o.header.a = $l)";
    let twice = format!("{}{set}#set($o.data = $l)", list(600));
    check_runaway(&twice, &body, Budget::default());
    let doubled = format!("{}#set($x = $l.addAll($l)){set}", list(600));
    check_runaway(&doubled, "x", Budget::default());
    let once = render(&format!("{}{set}", list(600)), &body, Budget::default());
    let headers = once.map(|rendered| rendered.overrides.response_headers);
    let values = headers.map(|headers| {
        headers
            .iter()
            .map(|(_, values)| values.len())
            .sum::<usize>()
    });
    assert_eq!(values, Ok(600));
}

#[test]
fn what_paths_and_json_keep_is_counted() {
    let body = ones(50_000);
    check_runaway("$input.path('$..*').size()", &body, little_memory());
    check_runaway(
        "$util.parseJson($input.body).size()",
        &body,
        little_memory(),
    );
    check(
        "$input.path('$..*').size()",
        &body,
        Budget::default(),
        "50000",
    );
    check("$input.path('$').size()", &body, little_memory(), "50000");
    check_runaway("$input.path('$..*').size()", &body, few_steps());
    check_runaway("$input.path('$[?(@ > 1)]').size()", &body, few_steps());
    check_runaway("$input.path('$.sum()')", &body, few_steps());
    let names = r#"[{"a":1,"b":2}]"#;
    check("$input.path(\"$[*]['a','b']\")", names, few_steps(), names);
}

#[test]
fn the_largest_body_renders() {
    let body = ones(4_900_000);
    check(
        "$input.path('$').size()",
        &body,
        Budget::default(),
        "4900000",
    );
    let rendered = render("$input.json('$')", &body, Budget::default());
    assert!(rendered.is_ok_and(|rendered| rendered.text == body));
}

#[test]
fn whatever_is_gone_over_takes_steps() {
    let text = "0".repeat(1_000_000);
    for template in [
        "#set($e = '')$e.equalsIgnoreCase($input.body)",
        "#set($e = '')$e.compareToIgnoreCase($input.body)",
        "#set($n = 1)$n.parseInt($input.body)",
        "#set($m = {})$m.get($input.body)",
        "#set($m = {})#set($m[$input.body] = 1)",
        "#set($m = {$input.body: 1})",
        "#set($x = $input.body)#if($x == $input.body)#end",
    ] {
        check_runaway(template, &text, few_steps());
    }
    check("#if($input.body == 'x')y#end", &text, few_steps(), "");
    for template in [
        "#set($e = [])$e.containsAll($input.path('$'))",
        "#set($e = [])$input.path('$').removeAll($e)",
        "$input.path('$').contains(2)",
        "$input.path('$').lastIndexOf(2)",
    ] {
        check_runaway(template, &ones(5000), few_steps());
    }
}

#[test]
fn compiling_patterns_takes_steps_once() {
    let looped = |pattern: &str| {
        format!("#set($a = 'a')#foreach($i in [1..1000])#set($x = $a.matches(\"{pattern}\"))#end$x")
    };
    check_runaway(&looped("a{1,9}$i"), "", Budget::default());
    check(&looped("a{1,9}"), "", Budget::default(), "true");
}

/// Each search stays below what one may take back; there are just many of them.
#[test]
fn searches_have_one_account() {
    let text = "a".repeat(14);
    let rounds = |search: &str, body: &str, budget: Budget| {
        let template = format!("#foreach($i in [1..1000])#set($x = {search})#end");
        let template = Template::compile(&template);
        let template = template.unwrap_or_else(|error| unreachable!("{error}"));
        let scope = Scope {
            body: body.as_bytes(),
            ..Scope::default()
        };
        let mut trace = Vec::new();
        let rendered = template.render_traced(&scope, &budget, &mut trace);
        let is_search = |line: &&Traced| line.reference.starts_with("$x");
        (rendered, trace.iter().filter(is_search).count())
    };
    let slow = r"((?=a)a+)+\1?c";
    let quoted = format!("\"{text}\"");
    let listed = format!("[{}{quoted}]", format!("{quoted},").repeat(9));
    for (search, body) in [
        (format!("$input.body.matches('{slow}')"), &text),
        (format!("$input.body.replaceAll('{slow}', '')"), &text),
        (format!("$input.body.split('{slow}')"), &text),
        (format!("$input.path('$[?(@ =~ /{slow}/)]')"), &listed),
    ] {
        let (rendered, searches) = rounds(&search, body, Budget::default());
        assert!(rendered.is_err_and(|error| error.is_runaway), "{search}");
        assert!(searches < 25, "{search}: {searches}");
    }
    let quick = "$input.body.matches('(?=a)[a-z]+(?!b)')";
    let (rendered, searches) = rounds(quick, &text, Budget::default());
    assert!(rendered.is_ok() && searches == 1000, "{searches}");
}

/// One look each, but each at all that is left: the time of the thread is charged.
#[test]
fn searches_pay_for_what_they_read_between_two_looks() {
    let text = "a".repeat(200_000);
    for search in [
        "replaceAll('a.*z|a', 'b').length()",
        "split('a.*z|a').size()",
        "replaceAll('(?=.*\\d)x', 'b').length()",
        "matches('((?=.*z)a|a)+')",
    ] {
        check_runaway(&format!("$input.body.{search}"), &text, Budget::default());
    }
    let text = "abcdefghi'".repeat(10_000);
    let template = r#"$input.body.replaceAll("'", "\\'").length()"#;
    check(template, &text, Budget::default(), "110000");
}

/// Texts are printed one after the other, and what is printed is looked at after each.
#[test]
fn a_block_prints_no_more_than_there_is_room_for() {
    let prints = "$x".repeat(2_000);
    let body = "a".repeat(1_000_000);
    for template in [
        format!("#set($x = $input.body){prints}"),
        format!("#set($x = $input.body){prints}#stop"),
        format!("#foreach($x in [$input.body]){prints}#break#end"),
        format!("#set($x = $input.body)#set($y = \"{prints}\")"),
        format!("#set($x = $input.body)#define($y){prints}#stop#end$y"),
    ] {
        let (known, _) = template.split_at(30);
        let rendered = render(&template, &body, Budget::default());
        let Err(error) = rendered else {
            unreachable!("{known}: it was printed");
        };
        assert!(
            error.is_runaway && error.what == run::TOO_LONG,
            "{known}: {error}"
        );
    }
}

#[test]
fn texts_that_are_dropped_take_memory() {
    let text = "0".repeat(100_000);
    for template in [
        "#define($b)$input.body#end#foreach($i in [1..20])#if($b)#end#end",
        "$input.body.toCharArray().size()",
    ] {
        check_runaway(template, &text, little_memory());
    }
}

/// As many rounds as AWS lets a template take, and a hundred references in each.
#[test]
fn large_templates_have_room() {
    let line = "\"k\": \"$i.k\",".repeat(100);
    let template = format!("#foreach($i in $input.path('$'))#set($x = $i.k){line}\n#end");
    let body = format!("[{}{{\"k\":1}}]", "{\"k\":1},".repeat(999));
    assert!(render(&template, &body, Budget::default()).is_ok());
}
