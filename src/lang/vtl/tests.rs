//! Templates and what they make.

use std::borrow::Cow;

use super::*;

const BODY: &[u8] = br#"{"a":[1,2,{"b":"x"}],"s":"hello","n":5,"o":{"k":"v"},"f":1e-7}"#;

fn render(template: &str, budget: &Budget) -> Result<Rendered, String> {
    let template = Template::compile(template).map_err(|error| error.to_string())?;
    let identity = Datum::Map(vec![(Cow::Borrowed("sourceIp"), Datum::from("1.2.3.4"))]);
    let context = [
        (Cow::Borrowed("stage"), Datum::from("prod")),
        (Cow::Borrowed("identity"), identity),
    ];
    let scope = Scope {
        body: BODY,
        path: &[("id", "7")],
        query: &[("q", "x y"), ("id", "8")],
        headers: &[("X-Id", "9")],
        context: &context,
        stage_variables: &[("v", "1")],
    };
    let rendered = template.render(&scope, budget);
    rendered.map_err(|error| error.to_string())
}

#[track_caller]
fn check(template: &str, expected: &str) {
    let rendered = render(template, &Budget::default());
    let text = rendered.map(|rendered| rendered.text);
    assert_eq!(text.as_deref(), Ok(expected), "{template}");
}

#[test]
fn references_print_their_values() {
    check("$input.path('$.s') ${input.path(\"$.n\")}!", "hello 5!");
    check("$nope.x.y()[0] $!nope", " ");
    check(
        "$input.path('$.a') $input.path('$.o')",
        r#"[1,2,{"b":"x"}] {k=v}"#,
    );
    check(
        "$input.params('id') $input.params('X-Id') [$input.params('x-id')]",
        "7 9 []",
    );
    check(
        "$context.stage $context.identity.sourceIp $stageVariables['v']",
        "prod 1.2.3.4 1",
    );
    check(
        "$input.json('$.nope') $input.json('$.s') $input.path('$.f')",
        "\"\" \"hello\" 1.0E-7",
    );
}

#[test]
fn what_is_unknown_is_the_empty_text() {
    check(
        "#if($nope)true#end #if($nope == '')empty#end #if($nope == $null)null#end",
        "true empty null",
    );
    check("#set($x = $nope)[$x]", "[]");
    check("#set($x = 1)#set($x = 5 / 0)$x", "1");
}

#[test]
fn only_booleans_and_references_are_conditions() {
    check(
        "#if(1)a#end#if('x')b#end#if(1 == '1')c#end#if(1 == 1.0)d#end",
        "cd",
    );
    check(
        "#set($x = 7 / 2)$x #set($x = -7 / 2)$x #set($x = 2147483647 + 1)$x",
        "3-32147483648",
    );
}

#[test]
fn blanks_and_line_ends_belong_to_directives() {
    check("a\n#if(true)\n  b\n#end\nc", "a\n  b\nc");
    check("  #set($x = 1)  \n$x", "1");
    check(
        "#foreach($i in [1..3])\n$i#if($foreach.hasNext),#end\n#end",
        "1,2,3",
    );
    check(
        "#[[ $raw #if ]]#\n## comment\n#* block *#x",
        " $raw #if \nx",
    );
}

#[test]
fn macros_are_off() {
    check(
        "#macro(m)x#end#m() #evaluate('$input.body') \\#m \\#if \\#foo",
        "#m() #evaluate('$input.body') #m #if \\#foo",
    );
    assert!(render("#parse('x')", &Budget::default()).is_err());
}

#[test]
fn loops_end_after_a_thousand_rounds() {
    check("#foreach($i in [1..2000])#set($last = $i)#end$last", "1000");
    check("#foreach($i in [1..3])#if($i == 2)#break#end$i#end!", "1!");
}

/// Maps that look alike have their keys in common, until one is written.
#[test]
fn writing_one_map_of_the_body_leaves_the_others() {
    let body = r#"[{"a":1,"b":2},{"a":3,"b":4},{"a":5,"b":6},{"b":7}]"#;
    let set = format!("#set($l = $util.parseJson('{body}'))");
    let each = "#foreach($i in $l)$i.a$i.b,#end";
    check(&format!("{set}{each}"), "12,34,56,7,");
    check(
        &format!("{set}#set($l[1].a = 'x')#set($l[1].c = 'y')$l {each}"),
        r#"[{"a":1,"b":2},{"a":"x","b":4,"c":"y"},{"a":5,"b":6},{"b":7}] 12,x4,56,7,"#,
    );
    check(
        &format!("{set}$l[2].remove('a')$l.remove(0).b {each}#set($l[0] = 1)$l"),
        r#"52 34,6,7,[1,{"b":6},{"b":7}]"#,
    );
    check(
        &format!("{set}#foreach($i in $l)#set($i.b = $i.a)$i.b$i.a;#end"),
        "11;33;55;;",
    );
}

#[test]
fn overrides_are_told() {
    let template = "#set($context.requestOverride.header.a = 'b')\
        $context.requestOverride.path.put('p', 1)\
        #set($context.responseOverride.status = 201)\
        #set($context.responseOverride.data = 7)\
        #set($context.responseOverride.header['x'] = ['1', '2'])";
    let rendered = render(template, &Budget::default());
    let overrides = rendered.map(|rendered| rendered.overrides);
    let text = |text: &str| text.to_owned();
    let expected = Overrides {
        request_headers: vec![(text("a"), vec![text("b")])],
        request_path: vec![(text("p"), vec![text("1")])],
        response_headers: vec![(text("x"), vec![text("1"), text("2")])],
        response_status: Some(text("201")),
        response_data: vec![(text("data"), vec![text("7")])],
        ..Overrides::default()
    };
    assert_eq!(overrides, Ok(expected));
}

#[test]
fn what_cannot_be_parsed_is_shown_with_a_caret() {
    let error = Template::compile("ok\n#if($x == )\n#end").err();
    let text = error.map(|error| error.to_string());
    let expected =
        "line 2, column 11: unexpected `)`, a value expected\n  #if($x == )\n            ^";
    assert_eq!(text.as_deref(), Some(expected));
    for template in [
        "#if(true)",
        "#end",
        "$",
        "${a",
        "#set($x)",
        "#foreach($x)a#end",
        "#[[x",
    ] {
        assert!(Template::compile(template).is_err(), "{template}");
    }
}

#[test]
fn runaway_templates_end_within_their_budget() {
    let nested = "#foreach($i in [1..1000])".repeat(4) + "x" + &"#end".repeat(4);
    let doubled = "#set($s = 'x')".to_owned() + &"#set($s = \"$s$s\")".repeat(40);
    let grown = "#set($l = [1])#foreach($i in [1..1000])#set($x = $l.addAll($l))#end";
    let looped = "#set($m = {})#set($m.a = $m)#set($m.b = $m)$m";
    let slow =
        "#set($s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc')$s.matches('((?=a)a+)+\\1?c')";
    let deep = "#define($a)$b$b#end#define($b)$c$c#end#define($c)$a$a#end".repeat(3) + "$a";
    let large = format!("[{}1]", "1,".repeat(500_000));
    for template in [
        &nested,
        &doubled,
        grown,
        looped,
        slow,
        "#set($r = [1..99999999])",
        &deep,
        // What is large takes its share of the steps with every call.
        "#foreach($i in [1..1000])#set($x = $input.body.indexOf('q'))#end",
        "#foreach($i in [1..1000])#set($x = $util.parseJson($input.body))#end",
    ] {
        let compiled = Template::compile(template);
        let rendered = compiled.map(|compiled| {
            let scope = Scope {
                body: large.as_bytes(),
                ..Scope::default()
            };
            compiled.render(&scope, &Budget::default())
        });
        match rendered {
            Ok(Err(error)) => assert!(error.is_runaway, "{error}"),
            // The blocks of `#define` end by themselves.
            Ok(Ok(rendered)) => assert!(rendered.text.len() < 10_000, "{template}"),
            Err(error) => unreachable!("{error}"),
        }
    }
}

#[test]
fn deep_templates_are_refused_not_overflowed() {
    for (open, close) in [
        ("#if(true)", "#end"),
        ("#set($x = [", "])"),
        ("$a.b(", ")"),
        ("#if((", "))#end"),
        ("#if(!", ")#end"),
    ] {
        let template = open.repeat(20_000) + &close.repeat(20_000);
        assert!(Template::compile(&template).is_err(), "{open}");
    }
    let sum = "#set($x = 1".to_owned() + &" + 1".repeat(20_000) + ")$x";
    check(&sum, "20001");
}

#[test]
fn a_trace_tells_each_reference() {
    let template = Template::compile("#set($x = 1)\n  $x ${x}");
    let mut trace = Vec::new();
    let rendered = template.map(|template| {
        let rendered = template.render_traced(&Scope::default(), &Budget::default(), &mut trace);
        rendered.map(|rendered| rendered.text)
    });
    assert_eq!(rendered, Ok(Ok("  1 1".to_owned())));
    let lines: Vec<_> = trace
        .iter()
        .map(|line| {
            format!(
                "{}:{} {} {}",
                line.line, line.column, line.reference, line.value
            )
        })
        .collect();
    assert_eq!(lines, ["1:6 $x = 1", "2:3 $x 1", "2:6 ${x} 1"]);
}

/// Recorded from Amazon API Gateway.
#[test]
fn recorded_answers_are_given() {
    let recorded = |template: &str, body: &str, expected: &str| {
        let template = Template::compile(template);
        let rendered = template.map(|template| {
            let scope = Scope {
                body: body.as_bytes(),
                ..Scope::default()
            };
            let rendered = template.render(&scope, &Budget::default());
            rendered.map(|rendered| rendered.text)
        });
        assert_eq!(rendered, Ok(Ok(expected.to_owned())), "{body}");
    };
    let body = r#"{"json":{"foo":"bar","to":"test"},"list":[{"foo":"bar"}]}"#;
    recorded("$input.path('$.json')", body, "{foo=bar, to=test}");
    recorded("$input.path('$.list')", body, r#"[{"foo":"bar"}]"#);
    recorded(
        "$input.path('$')",
        r#"{"list":[{"nested":"bar"}]}"#,
        r#"{list=[{"nested":"bar"}]}"#,
    );
    let missing = "{\"body\": $input.path('$.nope'), \"n\": \
        #if($input.path('$.nope') == $null)1#end, \"e\": #if($input.path('$.nope') == \"\")1#end}";
    recorded(missing, body, "{\"body\": , \"n\": 1, \"e\": 1}");
    recorded("$input.body $input.json('$')", "", "{} {}");
    recorded("$util.urlEncode($input.body)", "a b", "a+b");
    recorded("$input.body", "not json", "not json");
    let written = "#set($n = 'q')#set($context.requestOverride.querystring[$n] = 'v')\
        $context.requestOverride.header.put('a', 'b')\
        $context[\"requestOverride\"].querystring[\"q\"]$context.requestOverride.header.get('a')";
    recorded(written, "", "vb");
    let custom = "#set($context.responseOverride.custom = 'c')$context.responseOverride.custom";
    recorded(custom, "", "c");
    recorded("[\"$stageVariables.nope\"]", "", "[\"\"]");
}
