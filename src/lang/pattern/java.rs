//! Java's spelling of regular expressions to the engine's.
//!
//! Java's classes are ASCII unless asked otherwise, `.` stops at five line ends, `\Q…\E` quotes,
//! and a brace that opens no count is an error.

use std::iter::Peekable;
use std::str::Chars;

use super::{PATTERN_BYTES_MAX, PatternError};

/// Deeper groups or classes are refused.
const DEPTH_MAX: usize = 100;

/// What `$` and `\Z` mean depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The pattern has to match up to the end, so the end is nowhere else.
    Full,
    /// The end may also be before the line end that ends the text.
    Search,
}

const LINE_END: &str = r"(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])";
const BEFORE_LAST_LINE_END: &str = r"(?=(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z)";
const NO_LINE_END: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";

/// The pattern for `fancy_regex`.
///
/// # Errors
/// What Java would refuse and the engine would not.
pub fn translate(java: &str, purpose: Use) -> Result<String, PatternError> {
    if java.len() > PATTERN_BYTES_MAX {
        return Err(malformed("it is too long"));
    }
    let mut reader = Reader {
        rest: java.chars().peekable(),
        out: String::with_capacity(java.len() + 16),
        purpose,
        dot_all: has_flag(java, 's'),
        multi_line: has_flag(java, 'm'),
        depth: 0,
    };
    reader.pattern()?;
    Ok(reader.out)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    purpose: Use,
    dot_all: bool,
    multi_line: bool,
    depth: usize,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Result<(), PatternError> {
        let mut after_atom = false;
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class(0)?,
                '.' if !self.dot_all => self.out.push_str(NO_LINE_END),
                '$' if !self.multi_line && self.purpose == Use::Search => {
                    self.out.push_str(BEFORE_LAST_LINE_END);
                }
                '{' if after_atom => self.count()?,
                '{' => return Err(malformed("illegal repetition at `{`")),
                '(' => self.open()?,
                ')' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.out.push(c);
                }
                '}' | ']' => self.literal(c),
                _ => self.out.push(c),
            }
            after_atom = !matches!(c, '(' | '|' | '^');
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(malformed("it is too deeply nested"));
        }
        self.out.push('(');
        // `(?…` up to where an atom may stand, so that its `{` is not taken for a count.
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
            while let Some(c) = self
                .rest
                .next_if(|c| c.is_ascii_alphanumeric() || "<>=!:-".contains(*c))
            {
                self.out.push(c);
                if matches!(c, '>' | '=' | '!' | ':') {
                    break;
                }
            }
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,3}`; anything else is no count.
    fn count(&mut self) -> Result<(), PatternError> {
        let mut count = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
            count.push(c);
        }
        let (low, high) = count.split_once(',').unwrap_or((&count, &count));
        let low: Option<u32> = low.parse().ok();
        let fits = match (low, high.parse::<u32>()) {
            (Some(low), Ok(high)) => low <= high,
            (Some(_), Err(_)) => high.is_empty(),
            (None, _) => false,
        };
        if !fits || self.rest.next() != Some('}') {
            return Err(malformed("illegal repetition"));
        }
        self.out.push('{');
        self.out.push_str(&count);
        self.out.push('}');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let c = self.rest.next();
        let c = c.ok_or_else(|| malformed("it ends in a backslash"))?;
        match c {
            'Q' => self.quoted(),
            'E' => {}
            'R' => self.out.push_str(LINE_END),
            'Z' => self.out.push_str(match self.purpose {
                Use::Full => r"\z",
                Use::Search => BEFORE_LAST_LINE_END,
            }),
            'A' | 'z' | 'G' | 'b' | 'B' | '1'..='9' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'k' => self.out.push_str(r"\k"),
            _ => match set(c) {
                Some(set) => {
                    self.out.push('[');
                    self.out.push_str(set);
                    self.out.push(']');
                }
                None => self.shared_escape(c)?,
            },
        }
        Ok(())
    }

    /// An escape that may also stand in a class.
    fn shared_escape(&mut self, c: char) -> Result<(), PatternError> {
        match c {
            't' | 'n' | 'r' | 'f' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'a' => self.out.push_str(r"\x07"),
            'e' => self.out.push_str(r"\x1B"),
            'c' => {
                let control = self.rest.next().filter(char::is_ascii);
                let control = control.ok_or_else(|| malformed(r"illegal control escape `\c`"))?;
                self.code(u32::from(control) ^ 64)?;
            }
            '0' => {
                let value = self.digits(8, 3)?;
                self.code(value)?;
            }
            'x' if self.rest.peek() == Some(&'{') => self.out.push_str(r"\x"),
            'x' => {
                let value = self.digits(16, 2)?;
                self.code(value)?;
            }
            'u' => self.utf16()?,
            'p' | 'P' => self.property(c)?,
            _ if c.is_ascii_alphabetic() => {
                return Err(malformed(&format!(r"unsupported escape sequence `\{c}`")));
            }
            _ => self.literal(c),
        }
        Ok(())
    }

    fn utf16(&mut self) -> Result<(), PatternError> {
        let high = self.digits(16, 4)?;
        if !(0xD800..0xDC00).contains(&high) {
            return self.code(high);
        }
        if self.rest.next() != Some('\\') || self.rest.next() != Some('u') {
            return Err(malformed("half of a surrogate pair"));
        }
        let low = self.digits(16, 4)?.wrapping_sub(0xDC00) & 0x3FF;
        self.code(0x10000 + ((high - 0xD800) << 10) + low)
    }

    fn digits(&mut self, radix: u32, count: usize) -> Result<u32, PatternError> {
        let mut value = None;
        for _ in 0..count {
            let Some(c) = self.rest.next_if(|c| c.is_digit(radix)) else {
                break;
            };
            value = Some(value.unwrap_or(0) * radix + c.to_digit(radix).unwrap_or(0));
        }
        value.ok_or_else(|| malformed("illegal escape of a character code"))
    }

    fn code(&mut self, code: u32) -> Result<(), PatternError> {
        let c = char::from_u32(code).ok_or_else(|| malformed("no such character"))?;
        self.literal(c);
        Ok(())
    }

    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(c);
        }
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && !"<>'\"/`_,:;=!@%".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// The inside of `[…]`, whose opening bracket has been read.
    fn class(&mut self, depth: usize) -> Result<(), PatternError> {
        if depth > DEPTH_MAX {
            return Err(malformed("it is too deeply nested"));
        }
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        while let Some(c) = self.rest.next() {
            match c {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => self.class(depth + 1)?,
                '&' if self.rest.next_if_eq(&'&').is_some() => self.out.push_str("&&"),
                // Between two characters it is a range.
                '-' if !first && !matches!(self.rest.peek(), Some(']' | '[')) => {
                    self.out.push('-');
                }
                '\\' => self.class_escape()?,
                _ => self.literal(c),
            }
            first = false;
        }
        Err(malformed("unclosed character class"))
    }

    fn class_escape(&mut self) -> Result<(), PatternError> {
        match self.rest.next() {
            Some('Q') => self.quoted(),
            Some('E') => {}
            Some(c) => match set(c) {
                Some(set) => {
                    self.out.push('[');
                    self.out.push_str(set);
                    self.out.push(']');
                }
                None => self.shared_escape(c)?,
            },
            None => return Err(malformed("it ends in a backslash")),
        }
        Ok(())
    }

    /// `\p{Name}`, `\pL`.
    fn property(&mut self, sign: char) -> Result<(), PatternError> {
        let name: String = if self.rest.next_if_eq(&'{').is_some() {
            let mut name = String::new();
            loop {
                match self.rest.next() {
                    Some('}') => break name,
                    Some(c) if name.len() < 64 => name.push(c),
                    _ => return Err(malformed("unclosed character family")),
                }
            }
        } else {
            self.rest.next().into_iter().collect()
        };
        if let Some((_, set)) = FAMILIES.iter().find(|(family, _)| *family == name) {
            let not = if sign == 'P' { "^" } else { "" };
            self.out.push_str(&format!("[{not}{set}]"));
        } else {
            let name = name.strip_prefix("Is").unwrap_or(&name);
            self.out.push_str(&format!(r"\{sign}{{{name}}}"));
        }
        Ok(())
    }
}

/// What is in a predefined class, for between brackets.
fn set(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "0-9",
        'D' => "^0-9",
        'w' => "a-zA-Z0-9_",
        'W' => "^a-zA-Z0-9_",
        's' => r" \t\n\x0B\f\r",
        'S' => r"^ \t\n\x0B\f\r",
        'h' => r" \t\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}",
        'v' => r"\n\x0B\f\r\x{85}\x{2028}\x{2029}",
        _ => return None,
    })
}

/// Java's names that the engine does not know, or knows as more than ASCII.
const FAMILIES: &[(&str, &str)] = &[
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", r"\x00-\x7F"),
    ("Alpha", "a-zA-Z"),
    ("Digit", "0-9"),
    ("Alnum", "a-zA-Z0-9"),
    ("Punct", r"!-/:-@\[-`\{-\~"),
    ("Graph", r"!-\~"),
    ("Print", r"\x20-\~"),
    ("Blank", r" \t"),
    ("Cntrl", r"\x00-\x1F\x7F"),
    ("XDigit", "0-9a-fA-F"),
    ("Space", r" \t\n\x0B\f\r"),
    ("javaLowerCase", r"\p{Lowercase}"),
    ("javaUpperCase", r"\p{Uppercase}"),
    ("javaWhitespace", r"\s"),
    ("javaMirrored", r"\p{Ps}\p{Pe}<>"),
];

/// Whether `(?…flag…)` is anywhere in the pattern.
fn has_flag(java: &str, flag: char) -> bool {
    java.split("(?").skip(1).any(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphabetic());
        let flags = &rest[..end.unwrap_or(rest.len())];
        let closed = matches!(rest.as_bytes().get(flags.len()), Some(b')' | b':' | b'-'));
        closed && flags.contains(flag)
    })
}

fn malformed(why: &str) -> PatternError {
    PatternError::Malformed(why.to_owned())
}
