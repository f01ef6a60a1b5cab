//! CORS of an HTTP API: who may ask from where, as header lines that are ready to be sent.

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// As browsers send them; `https://*` stands for all with this beginning, `*` for any.
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
            [start @ .., b'*'] => origin.starts_with(start).then_some(origin),
            // Scheme and host have no letter case (RFC 6454 section 4).
            whole => whole.eq_ignore_ascii_case(origin).then_some(origin),
        })
    }
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
    }
}
