//! Mapping templates: whatever the template and the body are, compiling and rendering end, within the
//! budget, with a text or with an error that says where.

use daemun::lang::vtl::{Budget, Datum, Scope, Template};

use super::Target;

// A template up to the first NUL; what follows is the body.
pub const TARGET: Target = Target {
    name: "vtl",
    run,
    seeds: &[
        b"#set($x = $input.path('$.a'))\n#foreach($i in $x)\"$i\"#if($foreach.hasNext),#end#end\0{\"a\":[1,2]}",
        b"{\"b\": $input.json('$.b'), \"c\": \"$util.escapeJavaScript($input.body)\"}\0{\"b\":\"x\"}",
        b"#if($input.params('q') == '1' && !$x)a#elseif(1 < 2)b#else c#end\0{}",
        b"#define($d)$d $x#end$d #set($m = {\"a\":[1..3]})$m.put($m, $m)$m\0",
        b"#set($s = 'x')#foreach($i in [1..99])#set($s = \"$s$s\")#end\0",
        b"$x.replaceAll('(a+)+b', '$1') #[[ raw ]]# ## comment\n\\#if \\\\$x $!{y.z[0]}\0",
        b"#set($context.requestOverride.header.h = [1, 2.5, true])#stop\0",
    ],
    tokens: &[
        b"#if(", b"#end", b"#else", b"#elseif(", b"#set($", b"#foreach($i in ", b"#define($d)", b"#break",
        b"#stop", b"#literal()", b"#macro(", b"#[[", b"]]#", b"#*", b"*#", b"##", b"${", b"$!", b"$input.path('$.",
        b"$input.json('", b"$util.parseJson(", b"$context", b"$foreach.", b"[1..", b"{\"a\":", b".substring(",
        b".split('", b".replaceAll('", b".put(", b".add(", b"\\", b"\"$x\"", b"''", b"&&", b" == ", b"9999999999",
        b"-1", b")", b"\0", b"\xc3\xa9",
    ],
};

const BUDGET: Budget = Budget {
    steps: 20_000,
    depth: 100,
    output_bytes: 64 * 1024,
    memory_bytes: 1024 * 1024,
};

pub fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (template, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let text = String::from_utf8_lossy(template);
    let template = match Template::compile(&text) {
        Ok(template) => template,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1, "{error:?}");
            assert!(error.to_string().ends_with('^'));
            return;
        }
    };
    let context = [("a".into(), Datum::Null), ("b".into(), Datum::Integer(7))];
    let scope = Scope {
        body: body.get(1..).unwrap_or_default(),
        query: &[("q", "1")],
        context: &context,
        ..Scope::default()
    };
    match template.render(&scope, &BUDGET) {
        // One text or value more may be printed before its length is looked at.
        Ok(rendered) => assert!(rendered.text.len() <= 2 * BUDGET.output_bytes + text.len()),
        Err(error) => assert!(!error.what.is_empty()),
    }
}
