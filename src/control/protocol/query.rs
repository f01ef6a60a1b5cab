//! Percent-encoding and query strings of requests to the management APIs.

/// `%XX` decoded; what is no UTF-8 afterwards is replaced. A `+` stands for itself in a path.
pub fn decoded(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let pair = behind.get(..2).and_then(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)
        });
        match pair {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Names and values in their order.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let plain = |text: &str| decoded(&text.replace('+', " "));
        (plain(name), plain(value))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_text_comes_back_and_broken_encoding_stands_for_itself() {
        assert_eq!(decoded("a%2Fb+%zz%4"), "a/b+%zz%4");
        let expected = [("a", "1 2"), ("b", ""), ("a", "&")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs("a=1+2&b&&a=%26"), expected);
    }
}
