//! Comma-separated values as API key files have them: a line a record, values plain or between
//! double or single quotes (a doubled quote stands for one).
//! (Amazon API Gateway, "API key file format".)

/// The records of a text; lines without anything are no records.
///
/// # Errors
/// A quote that is never closed, by the number of its line from 1.
pub fn records(text: &str) -> Result<Vec<Vec<String>>, usize> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = Field::default();
    let mut line = 1;
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        if let Some(quote) = field.quote {
            line += usize::from(letter == '\n');
            match letter == quote {
                true if letters.next_if_eq(&quote).is_some() => field.text.push(quote),
                true => field.quote = None,
                false => field.text.push(letter),
            }
            continue;
        }
        match letter {
            '"' | '\'' if field.text.trim().is_empty() && !field.was_quoted => {
                field = Field {
                    text: String::new(),
                    quote: Some(letter),
                    was_quoted: true,
                    line,
                };
            }
            ',' => record.push(field.take()),
            '\n' => {
                line += 1;
                record.push(field.take());
                finish(&mut records, &mut record);
            }
            _ => field.text.push(letter),
        }
    }
    if field.quote.is_some() {
        return Err(field.line);
    }
    record.push(field.take());
    finish(&mut records, &mut record);
    Ok(records)
}

#[derive(Default)]
struct Field {
    text: String,
    /// The quote that ends it.
    quote: Option<char>,
    was_quoted: bool,
    /// Where its quote stands.
    line: usize,
}

impl Field {
    fn take(&mut self) -> String {
        let field = std::mem::take(self);
        match field.was_quoted {
            // What stands behind the closing quote is the end of the line.
            true => field.text.trim_end_matches('\r').to_owned(),
            false => field.text.trim().to_owned(),
        }
    }
}

fn finish(records: &mut Vec<Vec<String>>, record: &mut Vec<String>) {
    let record = std::mem::take(record);
    if record.iter().any(|field| !field.is_empty()) {
        records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_of_plain_or_quoted_values() {
        let check = |text: &str, expected: Result<&[&[&str]], usize>| {
            let found = records(text);
            let expected = expected.map(|records| {
                let owned = records
                    .iter()
                    .map(|record| record.iter().map(|field| (*field).to_owned()).collect());
                owned.collect::<Vec<Vec<String>>>()
            });
            assert_eq!(found, expected, "{text:?}");
        };
        check("", Ok(&[]));
        check("a,b\nc,\n", Ok(&[&["a", "b"], &["c", ""]]));
        check("\u{feff} a , b\r\n\r\nc,d", Ok(&[&["a", "b"], &["c", "d"]]));
        check("\"a,b\",'c\"d'\r\n", Ok(&[&["a,b", "c\"d"]]));
        check("\"a\"\"b\",\"x\ny\"", Ok(&[&["a\"b", "x\ny"]]));
        check("it's,b", Ok(&[&["it's", "b"]]));
        check("a\nb,\"c\nd", Err(2));
    }
}
