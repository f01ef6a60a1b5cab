//! Values as text: Java's `toString` and json-smart's JSON.

use super::{Handle, Heap, Items, ListId, ListKind, MapId, Members, Value};

/// Which of json-smart's two ways to write a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `$input.json`.
    Compact,
    /// A list that is printed: `/` is written `\/`.
    Web,
}

/// What is deeper than this is left out; only a map that holds itself comes here.
const DEPTH_MAX: usize = 200;

impl<'a> Heap<'a> {
    /// Java's `toString`, at most `bytes_max` bytes more and one text beyond; `false` when it would be
    /// longer.
    pub fn print(&self, out: &mut String, value: &Value<'_>, bytes_max: usize) -> bool {
        let mut printer = self.printer(out, bytes_max);
        printer.java(value, 0);
        printer.fits()
    }

    /// JSON text, at most `bytes_max` bytes more; `false` when it would be longer.
    pub fn write_json(
        &self,
        out: &mut String,
        value: &Value<'_>,
        style: Style,
        bytes_max: usize,
    ) -> bool {
        let mut printer = self.printer(out, bytes_max);
        printer.json(value, style, 0);
        printer.fits()
    }

    fn printer<'p>(&'p self, out: &'p mut String, bytes_max: usize) -> Printer<'p, 'a> {
        let end = out.len().saturating_add(bytes_max);
        Printer {
            heap: self,
            out,
            end,
        }
    }
}

struct Printer<'p, 'a> {
    heap: &'p Heap<'a>,
    out: &'p mut String,
    /// Where the text has to end.
    end: usize,
}

impl<'a> Printer<'_, 'a> {
    fn fits(&self) -> bool {
        self.out.len() <= self.end
    }

    /// Whether a level more can be printed: a small map that holds itself twice would double at each.
    fn may_descend(&self, depth: usize) -> bool {
        depth < DEPTH_MAX && self.fits()
    }

    fn java(&mut self, value: &Value<'_>, depth: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => number.print(self.out),
            Value::Char(c) => self.out.push(*c),
            Value::Text(text) => self.out.push_str(text),
            Value::Map(id) if self.may_descend(depth) => self.java_map(*id, depth),
            Value::List(id) if self.may_descend(depth) => self.java_list(*id, depth),
            Value::Map(_) | Value::List(_) => {}
            Value::Handle(handle) => self.out.push_str(match handle {
                Handle::Input => "$input",
                Handle::Util => "$util",
                Handle::Loop(_) => "$foreach",
                Handle::Block(_) => "",
            }),
        }
    }

    fn java_map(&mut self, id: MapId, depth: usize) {
        self.out.push('{');
        for (index, (key, value)) in self.heap.map(id).entries().enumerate() {
            if !self.fits() {
                return;
            }
            if index > 0 {
                self.out.push_str(", ");
            }
            self.java(key, depth + 1);
            self.out.push('=');
            match value {
                Value::Map(inner) if *inner == id => self.out.push_str("(this Map)"),
                _ => self.java(value, depth + 1),
            }
        }
        self.out.push('}');
    }

    fn java_list(&mut self, id: ListId, depth: usize) {
        let list = self.heap.list(id);
        match list.kind {
            ListKind::Json => self.json_list(list, Style::Web, depth),
            ListKind::Array => self.out.push_str("[Ljava.lang.String;"),
            ListKind::Entry => {
                for (index, item) in list.items.iter().enumerate() {
                    if index > 0 {
                        self.out.push('=');
                    }
                    self.java(item, depth + 1);
                }
            }
            ListKind::Plain | ListKind::View => {
                self.out.push('[');
                for (index, item) in list.items.iter().enumerate() {
                    if !self.fits() {
                        return;
                    }
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    match item {
                        Value::List(inner) if *inner == id => {
                            self.out.push_str("(this Collection)");
                        }
                        _ => self.java(item, depth + 1),
                    }
                }
                self.out.push(']');
            }
        }
    }

    fn json(&mut self, value: &Value<'_>, style: Style, depth: usize) {
        match value {
            Value::Text(text) => quote(self.out, text, style),
            Value::Char(c) => quote(self.out, c.encode_utf8(&mut [0; 4]), style),
            Value::Number(number) if number.as_double().is_infinite() => {
                self.out.push_str("null");
            }
            Value::Map(id) if self.may_descend(depth) => {
                self.json_map(self.heap.map(*id), style, depth);
            }
            Value::List(id) if self.may_descend(depth) => {
                self.json_list(self.heap.list(*id), style, depth);
            }
            Value::Map(_) | Value::List(_) => {}
            _ => self.java(value, depth),
        }
    }

    fn json_map(&mut self, map: Members<'_, 'a>, style: Style, depth: usize) {
        self.out.push('{');
        for (index, (key, value)) in map.entries().enumerate() {
            if !self.fits() {
                return;
            }
            if index > 0 {
                self.out.push(',');
            }
            match key {
                Value::Text(text) => quote(self.out, text, style),
                _ => {
                    self.out.push('"');
                    self.java(key, depth + 1);
                    self.out.push('"');
                }
            }
            self.out.push(':');
            self.json(value, style, depth + 1);
        }
        self.out.push('}');
    }

    fn json_list(&mut self, list: Items<'_, 'a>, style: Style, depth: usize) {
        self.out.push('[');
        for (index, item) in list.items.iter().enumerate() {
            if !self.fits() {
                return;
            }
            if index > 0 {
                self.out.push(',');
            }
            self.json(item, style, depth + 1);
        }
        self.out.push(']');
    }
}

/// Whether a byte is a character of its own that is never escaped.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte < 0x7f {
        plain[byte as usize] = !matches!(byte, b'"' | b'\\' | b'/');
        byte += 1;
    }
    plain
};

/// A JSON string as json-smart writes it: control characters and U+2000 to U+20FF are escaped.
pub fn quote(out: &mut String, text: &str, style: Style) {
    out.push('"');
    let (mut copied, mut at) = (0, 0);
    let is_special = |byte: &u8| !PLAIN[usize::from(*byte)];
    while let Some(length) = text.as_bytes()[at..].iter().position(is_special) {
        let start = at + length;
        let Some(c) = text[start..].chars().next() else {
            break;
        };
        at = start + c.len_utf8();
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '/' if style == Style::Web => "\\/",
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2000}'..='\u{20ff}' => "",
            _ => continue,
        };
        out.push_str(&text[copied..start]);
        copied = at;
        out.push_str(escape);
        if escape.is_empty() {
            out.push_str(&format!("\\u{:04X}", u32::from(c)));
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::{Map, Texts};

    #[test]
    fn what_is_special_is_escaped_wherever_it_is() {
        for code in (0..0x3000).chain([0xffff, 0x1_f600]) {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            for style in [Style::Compact, Style::Web] {
                let mut alone = String::new();
                quote(&mut alone, c.encode_utf8(&mut [0; 4]), style);
                let inner = alone.trim_matches('"');
                let is_plain = inner.chars().eq([c]);
                let may_be_plain = !matches!(code, 0..0x20 | 0x7f..0xa0 | 0x2000..0x2100)
                    && !matches!((c, style), ('"' | '\\', _) | ('/', Style::Web));
                assert_eq!(is_plain, may_be_plain, "{c:?} {inner}");
                let mut among = String::new();
                quote(&mut among, &format!("a{c}{c}b/é"), style);
                let slash = if style == Style::Web { "\\/" } else { "/" };
                let quoted = match c {
                    '"' => "\\\"",
                    _ => inner,
                };
                assert_eq!(among, format!("\"a{quoted}{quoted}b{slash}é\""));
            }
        }
    }

    /// What does not fit is not even made.
    #[test]
    fn a_long_list_of_long_texts_stops_at_its_bound() {
        let texts = Texts::new();
        let mut heap = Heap::new(&texts);
        let text = "x".repeat(1000);
        let items = vec![Value::Text(&text); 1000];
        let mut map = Map::new();
        for name in 0..1000 {
            map.put(Value::int(name), Value::Text(&text));
        }
        let map = Value::Map(heap.keep_map(map));
        let lists =
            [ListKind::Json, ListKind::Plain].map(|kind| heap.keep_list(kind, items.clone()));
        for value in [map, lists[0], lists[1]] {
            let mut out = String::new();
            assert!(!heap.print(&mut out, &value, 5000));
            assert!(out.len() < 7000);
            out.clear();
            assert!(!heap.write_json(&mut out, &value, Style::Compact, 5000));
            assert!(out.len() < 7000);
        }
    }
}
