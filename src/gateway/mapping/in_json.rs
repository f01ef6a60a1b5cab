//! Texts of JSON with values put in between.

/// Where in a JSON text one is, as far as it matters to what is put in there.
#[derive(Debug, Default)]
pub struct InJson {
    pub in_string: bool,
    is_escaped: bool,
}

impl InJson {
    pub fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json_are_told_from_what_stands_between_them() {
        let check = |texts: &[&str], expected: bool| {
            let mut place = InJson::default();
            texts.iter().for_each(|text| place.read(text));
            assert_eq!(place.in_string, expected, "{texts:?}");
        };
        check(&[r#"{"a":""#], true);
        check(&[r#"{"a":"#], false);
        check(&[r#"{"a\"":"#, r#""x\\"#], true);
        check(&[r#"{"a":"x\"#, r#"""#], true);
        check(&[r#"{"a":"x\\"#, r#"""#], false);
    }
}
