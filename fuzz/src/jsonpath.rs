//! JSONPath and JSON as templates read them: any path over any body ends, and JSON that was written
//! is read as the same again.

use daemun::lang::jsonpath::Path;
use daemun::lang::value::{Heap, Style, Texts, read};

use super::Target;

// A path up to the first line feed; what follows is the body.
pub const TARGET: Target = Target {
    name: "jsonpath",
    run,
    seeds: &[
        b"$.a[0].b\n{\"a\":[{\"b\":1}]}",
        b"$..b[?(@.c > 1 && @.d =~ /x.*/i)]\n{\"b\":[{\"c\":2,\"d\":\"xy\"}]}",
        b"$['a','b'][1:-1].length()\n{'a':[1,2,3],b:hello world,}",
        b"$[(@.length-1)]\n[1,,2.50,1e400,-0,NaN,12abc,\"\\ud83d\\u0041\\x\"]",
        b"$.*[?(@.a in ['x',1,true] || !(@.b))].sum()\n[[],{},null]",
    ],
    tokens: &[
        b"$",
        b"..",
        b"*",
        b"[?(",
        b"@.",
        b")]",
        b"['",
        b"']",
        b"[0]",
        b"[-1]",
        b"[1:2]",
        b"[(@.length-1)]",
        b".length()",
        b".keys()",
        b" == ",
        b" =~ /",
        b"/i",
        b" && ",
        b" || ",
        b"!",
        b" in [",
        b"\n",
        b"{\"",
        b"\":",
        b"[",
        b"]",
        b"}",
        b",",
        b"\\u",
        b"'",
        b"1e9",
        b"\xc3\xa9",
    ],
};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, body) = text.split_once('\n').unwrap_or((&text, ""));
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let Ok(root) = read(&mut heap, body) else {
        return;
    };
    let mut written = String::new();
    heap.write_json(&mut written, &root, Style::Compact, usize::MAX);
    let mut again = Heap::new(&texts);
    let value = read(&mut again, &written);
    let value = value.unwrap_or_else(|error| panic!("{error}: {written:?}"));
    let mut rewritten = String::new();
    again.write_json(&mut rewritten, &value, Style::Compact, usize::MAX);
    assert_eq!(rewritten, written);
    let Ok(path) = Path::parse(path) else {
        return;
    };
    if let Ok(Some(found)) = path.read(&mut heap, &root) {
        let mut printed = String::new();
        assert!(heap.print(&mut printed, &found, usize::MAX));
    }
}
