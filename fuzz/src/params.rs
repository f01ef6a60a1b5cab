//! The expressions of REST APIs: whatever a user writes is understood or is none, and the text of a
//! gateway response never loses what is no variable.

use daemun::lang::jsonpath::Path;
use daemun::lang::params::{Part, Piece, Source, Text};
use daemun::lang::value::{Heap, Texts, read};

use super::Target;

// An expression up to the first line feed, the text of a gateway response up to the second, a body.
pub const TARGET: Target = Target {
    name: "params",
    run,
    seeds: &[
        b"method.request.header.X-Own\n{\"message\":$context.error.messageString}\n",
        b"integration.response.body.$.a[0]['b.c']\n${stageVariables.v}$method.request.querystring.q$\n{\"a\":[{\"b.c\":1}]}",
        b"method.request.body.a..b\n$context.\n{\"a\":{\"b\":[1,{\"b\":null}]}}",
        b"'static'\n$$context.requestId}${context.x\n",
        b"method.request.multivaluequerystring.q\n$method.request.header.\xff\n[",
    ],
    tokens: &[
        b"method.request.", b"integration.response.", b"context.", b"stageVariables.", b"header.", b"path.",
        b"querystring.", b"multivalueheader.", b"body", b".$", b"..", b"[?(@.a", b"['", b"[0]", b"'", b"${", b"$",
        b"}", b"\n", b"{\"a\":", b"\xff", b"\xc3\xa9",
    ],
};

pub fn run(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (expression, template, body) = (text(), text(), text());
    let source = Source::parse(&expression);
    if let Some(Source::Static(text)) = &source {
        assert_eq!(expression, format!("'{text}'"));
    }
    if let Some(
        Source::Request(Part::Body(Some(path))) | Source::Response(Part::Body(Some(path))),
    ) = &source
    {
        look(path.path(), &body);
    }
    let parsed = Text::parse(&template);
    let mut rest = template.as_str();
    for piece in parsed.pieces() {
        if let Piece::Literal(literal) = piece {
            let at = rest.find(&**literal);
            let at = at.unwrap_or_else(|| panic!("{literal:?} is not in {template:?}"));
            rest = &rest[at + literal.len()..];
        }
    }
}

fn look(path: &Path, body: &str) {
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    if let Ok(root) = read(&mut heap, body) {
        // A path that finds nothing, or that asks too much, is an answer too.
        let _ = path.read(&mut heap, &root);
    }
}
