//! From a part of a string's value to the bytes of the file that say it.

use std::ops::Range;

/// The bytes of `text` behind the bytes `part` of the string value written at `span` (with or
/// without quotes, with or without escapes). The whole span when the part cannot be found.
pub fn place(text: &str, span: &Range<usize>, part: Range<usize>) -> Range<usize> {
    let Some(raw) = text.get(span.clone()) else {
        return span.clone();
    };
    let Some((open, body, escapes)) = unquote(raw) else {
        return span.clone();
    };
    let base = span.start + open;
    if !escapes {
        return match body.get(part.clone()) {
            Some(_) => base + part.start..base + part.end,
            None => span.clone(),
        };
    }
    match (
        source_offset(body, part.start),
        source_offset(body, part.end),
    ) {
        (Some(start), Some(end)) if start <= end => base + start..base + end,
        _ => span.clone(),
    }
}

/// Length of the opening quotes, what stands between them, and whether a `\` means something.
fn unquote(raw: &str) -> Option<(usize, &str, bool)> {
    for (quotes, escapes) in [("\"\"\"", true), ("'''", false), ("\"", true), ("'", false)] {
        let Some(rest) = raw.strip_prefix(quotes) else {
            continue;
        };
        let body = rest.strip_suffix(quotes)?;
        let open = quotes.len();
        // A line break right after three quotes is not part of the value.
        let skip = match (open, body.as_bytes()) {
            (3, [b'\r', b'\n', ..]) => 2,
            (3, [b'\n', ..]) => 1,
            _ => 0,
        };
        return Some((open + skip, &body[skip..], escapes && body.contains('\\')));
    }
    Some((0, raw, false))
}

/// Where the byte `wanted` of the value begins in the body of a basic string; none for line
/// continuations and what else is rare.
fn source_offset(body: &str, wanted: usize) -> Option<usize> {
    let (mut source, mut value) = (0, 0);
    while value < wanted {
        let rest = body.get(source..)?;
        let mut chars = rest.chars();
        let first = chars.next()?;
        if first != '\\' {
            source += first.len_utf8();
            value += first.len_utf8();
            continue;
        }
        let digits = match chars.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'b' | 't' | 'n' | 'f' | 'r' | 'e' | '"' | '\\' => 0,
            _ => return None,
        };
        let code = rest.get(2..2 + digits)?;
        value += match digits {
            0 => 1,
            _ => char::from_u32(u32::from_str_radix(code, 16).ok()?)?.len_utf8(),
        };
        source += 2 + digits;
    }
    Some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_is_found_in_the_text() {
        let check = |raw: &str, part: Range<usize>, expected: &str| {
            let text = format!("key = {raw}\n");
            let span = 6..6 + raw.len();
            assert_eq!(&text[place(&text, &span, part)], expected, "{raw}");
        };
        check("\"http://pets/x\"", 7..11, "pets");
        check("'a\\b'", 1..2, "\\");
        check("bare", 1..3, "ar");
        check("\"\\u00e9\\tpets\"", 3..7, "pets");
        check("\"\\u00e9\\tpets\"", 0..2, "\\u00e9");
        check("\"\"\"\nab\"\"\"", 1..2, "b");
        check("\"short\"", 3..99, "\"short\"");
        check("\"\"\"a\\\n   b\"\"\"", 1..2, "\"\"\"a\\\n   b\"\"\"");
    }
}
