//! How long each token is: one function a shape. All return 0 when the shape is not there.

/// How many bytes at the beginning are of a kind.
pub fn run(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is(**byte)).count()
}

/// How many backslashes, up to more than anybody writes: they are counted again at each of them.
fn escapes(bytes: &[u8]) -> usize {
    run(&bytes[..bytes.len().min(1000)], |byte| byte == b'\\')
}

pub fn literal(bytes: &[u8], sign: &str) -> usize {
    if bytes.starts_with(sign.as_bytes()) {
        sign.len()
    } else {
        0
    }
}

pub fn line_end(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// `length` bytes and, if a line end follows them but for blanks, these too.
pub fn with_line_end(bytes: &[u8], length: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let rest = &bytes[length..];
    let blanks = run(rest, |byte| matches!(byte, b' ' | b'\t'));
    match line_end(&rest[blanks..]) {
        0 => length,
        end => length + blanks + end,
    }
}

/// `name` or `{name}`
pub fn word(bytes: &[u8], name: &str) -> usize {
    let plain = literal(bytes, name);
    if plain > 0 {
        return plain;
    }
    let inner = bytes
        .strip_prefix(b"{")
        .map_or(0, |rest| literal(rest, name));
    if inner > 0 && bytes.get(inner + 1) == Some(&b'}') {
        inner + 2
    } else {
        0
    }
}

pub fn word_with_line_end(bytes: &[u8], name: &str) -> usize {
    with_line_end(bytes, word(bytes, name))
}

/// The name of a directive. Only one without braces may begin with `@`.
pub fn name(bytes: &[u8], at_sign: bool) -> usize {
    let begins =
        |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || at_sign && *byte == b'@';
    if !bytes.first().is_some_and(begins) {
        return 0;
    }
    run(bytes, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@')
    })
}

pub fn braced_name(bytes: &[u8]) -> usize {
    let inner = bytes.strip_prefix(b"{").map_or(0, |rest| name(rest, false));
    if inner > 0 && bytes.get(inner + 1) == Some(&b'}') {
        inner + 2
    } else {
        0
    }
}

pub fn identifier(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    if !bytes.first().is_some_and(begins) {
        return 0;
    }
    run(bytes, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
    })
}

/// A dot and the letter behind it, which is given back.
pub fn dot(bytes: &[u8]) -> usize {
    match bytes {
        [b'.', letter, ..] if letter.is_ascii_alphabetic() => 2,
        _ => 0,
    }
}

pub fn dollar(bytes: &[u8]) -> usize {
    let escapes = escapes(bytes);
    if bytes.get(escapes) == Some(&b'$') {
        escapes + 1
    } else {
        0
    }
}

pub fn dollar_bang(bytes: &[u8]) -> usize {
    let dollar = dollar(bytes);
    if dollar == 0 {
        return 0;
    }
    let rest = &bytes[dollar..];
    let escapes = escapes(rest);
    if rest.get(escapes) == Some(&b'!') {
        dollar + escapes + 1
    } else {
        0
    }
}

/// `#**` and a character that is no `#`.
pub fn formal_comment(text: &str) -> usize {
    let next = text
        .strip_prefix("#**")
        .and_then(|rest| rest.chars().next());
    match next {
        Some(c) if c != '#' => 3 + c.len_utf8(),
        _ => 0,
    }
}

/// An odd number of backslashes and a directive.
pub fn escaped_directive(bytes: &[u8]) -> usize {
    let escapes = escapes(bytes);
    if escapes.is_multiple_of(2) || bytes.get(escapes) != Some(&b'#') {
        return 0;
    }
    let rest = &bytes[escapes + 1..];
    match name(rest, true).max(braced_name(rest)) {
        0 => 0,
        length => escapes + 1 + length,
    }
}

/// `#set(` with the blanks before it and before its parenthesis.
pub fn set(bytes: &[u8]) -> usize {
    let before = run(bytes, |byte| matches!(byte, b' ' | b'\t'));
    let rest = &bytes[before..];
    let word = literal(rest, "#set").max(literal(rest, "#{set}"));
    if word == 0 {
        return 0;
    }
    let blanks = run(&rest[word..], |byte| byte == b' ');
    if rest.get(word + blanks) == Some(&b'(') {
        before + word + blanks + 1
    } else {
        0
    }
}

pub fn text(bytes: &[u8]) -> usize {
    memchr::memchr3(b'$', b'#', b'\\', bytes).unwrap_or(bytes.len())
}

/// A text in quotes, in which the quote is doubled. The longest one wins: a text that would go on
/// behind a doubled quote and never ends is shorter after all.
pub fn quoted(bytes: &[u8]) -> usize {
    let Some(&quote) = bytes.first().filter(|byte| matches!(byte, b'"' | b'\'')) else {
        return 0;
    };
    let mut at = 1;
    let mut ended = 0;
    while let Some(next) = memchr::memchr(quote, &bytes[at..]) {
        at += next + 1;
        ended = at;
        if bytes.get(at) != Some(&quote) {
            break;
        }
        at += 1;
    }
    ended
}

fn digits(bytes: &[u8]) -> usize {
    run(bytes, |byte| byte.is_ascii_digit())
}

/// Digits and, so that `1..3` is no floating number, the two dots behind them.
pub fn integer(bytes: &[u8]) -> usize {
    let sign = literal(bytes, "-");
    match digits(&bytes[sign..]) {
        0 => 0,
        count => {
            let end = sign + count;
            end + literal(&bytes[end..], "..")
        }
    }
}

pub fn float(bytes: &[u8]) -> usize {
    let sign = literal(bytes, "-");
    let whole = digits(&bytes[sign..]);
    let mut end = sign + whole;
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(&bytes[end + 1..]);
        if whole > 0 || fraction > 0 {
            end += 1 + fraction;
            is_float = true;
        }
    }
    if whole == 0 && !is_float {
        return 0;
    }
    match exponent(&bytes[end..]) {
        0 if is_float => end,
        0 => 0,
        length => end + length,
    }
}

fn exponent(bytes: &[u8]) -> usize {
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    match digits(&bytes[1 + sign..]) {
        0 => 0,
        count => 1 + sign + count,
    }
}
