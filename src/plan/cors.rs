//! CORS of an HTTP API: who may ask from where, as header lines that are ready to be sent.

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// As browsers send them; the `*` of `https://*` or `https://*.example` stands for anything,
    /// `*` alone for any origin.
    pub origins: Vec<Box<[u8]>>,
    /// Complete header lines for an answer to a preflight request.
    pub preflight: Box<[u8]>,
    /// Complete header lines for any other answer.
    pub actual: Box<[u8]>,
}

impl Cors {
    /// What to say to this origin as the one that is allowed; none if it is not.
    pub fn allowed<'a>(&self, origin: &'a [u8]) -> Option<&'a [u8]> {
        self.origins.iter().find_map(|allowed| match &**allowed {
            b"*" => Some(&b"*"[..]),
            pattern => fits(pattern, origin).then_some(origin),
        })
    }
}

/// Scheme and host have no letter case (RFC 6454 section 4).
fn fits(pattern: &[u8], origin: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
        return pattern.eq_ignore_ascii_case(origin);
    };
    let (start, end) = (&pattern[..star], &pattern[star + 1..]);
    let middle = start.len()..origin.len().saturating_sub(end.len());
    let parts = (origin.get(..middle.start), origin.get(middle.end..));
    let (Some(head), Some(tail)) = parts else {
        return false;
    };
    // The star stands for something.
    !middle.is_empty() && head.eq_ignore_ascii_case(start) && tail.eq_ignore_ascii_case(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_allowed_by_name_by_scheme_or_with_all_others() {
        let check = |allowed: &str, origin: &str, expected: Option<&str>| {
            let cors = Cors {
                origins: vec![allowed.as_bytes().into()],
                ..Cors::default()
            };
            let said = cors.allowed(origin.as_bytes());
            assert_eq!(said, expected.map(str::as_bytes), "{allowed} {origin}");
        };
        check(
            "https://a.example",
            "https://A.example",
            Some("https://A.example"),
        );
        check("https://a.example", "https://b.example", None);
        check("https://*", "https://b.example", Some("https://b.example"));
        check("https://*", "http://b.example", None);
        check("*", "http://b.example", Some("*"));
        let below = "https://*.Example";
        check(below, "https://a.b.example", Some("https://a.b.example"));
        check(below, "https://.example", None);
        check(below, "https://example", None);
        check(below, "https://a.example.evil", None);
        check(below, "", None);
    }
}
