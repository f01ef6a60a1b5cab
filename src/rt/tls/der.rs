//! The members of an X.509 certificate that people are shown (RFC 5280, section 4.1).

use std::fmt::Write;

/// What a certificate says of itself; the parts point into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub serial: &'a [u8],
    /// Names, as DER has them.
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// Milliseconds since 1970.
    pub begin_ms: i64,
    pub end_ms: i64,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const BMP_STRING: u8 = 0x1e;

/// None if this is no certificate.
pub(super) fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    let (_, outer, _) = element(certificate)?;
    let (_, mut rest, _) = element(outer)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    let (_, serial, rest) = element(rest)?;
    let (_, _algorithm, rest) = element(rest)?;
    let (_, issuer, rest) = element(rest)?;
    let (SEQUENCE, times, rest) = element(rest)? else {
        return None;
    };
    let (_, subject, _) = element(rest)?;
    let (begin_tag, begin, end) = element(times)?;
    let (end_tag, end, _) = element(end)?;
    Some(Fields {
        serial,
        issuer,
        subject,
        begin_ms: moment(begin_tag, begin)?,
        end_ms: moment(end_tag, end)?,
    })
}

/// Begin and end in milliseconds since 1970 (RFC 5280, section 4.1.2.5); none if this is no
/// certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<[i64; 2]> {
    let fields = fields(certificate)?;
    Some([fields.begin_ms, fields.end_ms])
}

/// `C=US,O=Example,CN=client`: in the order of the certificate, as AWS shows names. What stands
/// for itself elsewhere has a backslash before it (RFC 4514, section 2.4).
pub(super) fn name(mut names: &[u8]) -> String {
    let mut text = String::new();
    while let Some((_, mut set, rest)) = element(names) {
        names = rest;
        while let Some((_, pair, more)) = element(set) {
            set = more;
            let Some((OBJECT_ID, id, rest)) = element(pair) else {
                continue;
            };
            let Some((tag, value, _)) = element(rest) else {
                continue;
            };
            if !text.is_empty() {
                text.push(',');
            }
            let found = ATTRIBUTES.iter().find(|(known, _)| *known == id);
            match found {
                Some((_, short)) => text.push_str(short),
                None => dotted(id, &mut text),
            }
            text.push('=');
            for letter in value_text(tag, value).chars() {
                if matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
                    text.push('\\');
                }
                text.push(letter);
            }
        }
    }
    text
}

/// The attributes that have short names (RFC 4514, section 3; e-mail as OpenSSL has it).
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
        "emailAddress",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1],
        "UID",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
];

/// An object identifier as numbers between dots.
fn dotted(id: &[u8], out: &mut String) {
    let (mut number, mut is_first) = (0u64, true);
    for byte in id {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        // Writing to a text cannot fail.
        let _ = match is_first {
            true => {
                let first = (number / 40).min(2);
                write!(out, "{first}.{}", number - first * 40)
            }
            false => write!(out, ".{number}"),
        };
        (number, is_first) = (0, false);
    }
}

fn value_text(tag: u8, value: &[u8]) -> String {
    match tag {
        BMP_STRING => {
            let units = value.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// A serial number as OpenSSL shows it: short ones as a number, others as bytes with colons.
pub(super) fn serial(bytes: &[u8]) -> String {
    let bytes = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    if bytes.len() < 8 {
        let number = bytes
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        return number.to_string();
    }
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// Tag, content and what follows of the first element of DER text.
fn element(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = text.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let bytes = rest.get(..usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        let fold = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        length = bytes.iter().fold(0, fold);
        rest = &rest[bytes.len()..];
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or, as generalised time, `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let number = |range: std::ops::Range<usize>| -> Option<i16> {
        std::str::from_utf8(digits.get(range)?).ok()?.parse().ok()
    };
    let (year, at) = match tag {
        // "Where YY is greater than or equal to 50, the year SHALL be interpreted as 19YY."
        UTC_TIME => match number(0..2)? {
            year @ 50.. => (1900 + year, 2),
            year => (2000 + year, 2),
        },
        _ => (number(0..4)?, 4),
    };
    let part = |index: usize| {
        let start = at + 2 * index;
        i8::try_from(number(start..start + 2)?).ok()
    };
    let date = jiff::civil::Date::new(year, part(0)?, part(1)?).ok()?;
    let time = jiff::civil::Time::new(part(2)?, part(3)?, part(4)?, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC);
    Some(zoned.ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_look_as_openssl_shows_them() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(serial(bytes), expected);
        check(&[1], "1");
        check(&[0, 0x80], "128");
        check(&[0], "0");
        check(&[0, 0xa1, 1, 2, 3, 4, 5, 6, 7], "a1:01:02:03:04:05:06:07");
    }

    #[test]
    fn names_keep_their_order_and_escape_what_divides_them() {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let mut push = |kind, value: &str| params.distinguished_name.push(kind, value);
        push(rcgen::DnType::CountryName, "DE");
        push(rcgen::DnType::OrganizationName, "Amts, Gericht");
        push(rcgen::DnType::CommonName, "a");
        push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 65]), "x");
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let fields = fields(made.der()).unwrap();
        assert_eq!(
            name(fields.subject),
            "C=DE,O=Amts\\, Gericht,CN=a,2.5.4.65=x"
        );
        assert_eq!(fields.subject, fields.issuer);
    }

    #[test]
    fn what_is_no_certificate_has_no_fields() {
        assert!(fields(b"").is_none());
        assert!(fields(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
        assert_eq!(name(&[0x31, 0x02, 0x30, 0x05]), "");
    }
}
