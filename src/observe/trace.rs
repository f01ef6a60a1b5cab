//! `X-Amzn-Trace-Id`: read from a client, what is missing made up, written for whoever comes next.

use crate::base::ascii;

/// The trace that a request belongs to, and the segment that it is in.
///
/// AWS X-Ray developer guide, "Tracing header": `Root=1-5759e988-bd862e3fe1be46a994272793;
/// Parent=53995c3f42cd8ad8;Sampled=1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    root: [u8; ROOT_BYTES],
    parent: [u8; PARENT_BYTES],
    /// `0`, `1` or `?`.
    sampled: u8,
}

/// `1-`, eight digits of time, `-`, 24 digits.
const ROOT_BYTES: usize = 35;
const PARENT_BYTES: usize = 16;

impl Trace {
    /// The trace that the client's header names. Parts that it does not name, or names in another
    /// shape, are made of the time, in seconds since 1970, and of random bits; nobody asked for
    /// sampling then.
    pub fn continued(header: Option<&[u8]>, epoch_s: u64, random: [u64; 3]) -> Self {
        let mut trace = Self {
            root: [b'-'; ROOT_BYTES],
            parent: [0; PARENT_BYTES],
            sampled: b'0',
        };
        trace.root[0] = b'1';
        let of = |number: u64| ascii::hex_digits(number as u32);
        trace.root[2..10].copy_from_slice(&of(epoch_s));
        trace.root[11..19].copy_from_slice(&of(random[0]));
        trace.root[19..27].copy_from_slice(&of(random[1] >> 32));
        trace.root[27..].copy_from_slice(&of(random[1]));
        trace.parent[..8].copy_from_slice(&of(random[2] >> 32));
        trace.parent[8..].copy_from_slice(&of(random[2]));
        let Some(header) = header else {
            return trace;
        };
        for part in header.split(|byte| *byte == b';') {
            match part.iter().position(|byte| *byte == b'=') {
                Some(at) => trace.take(ascii::trim(&part[..at]), ascii::trim(&part[at + 1..])),
                None => continue,
            }
        }
        trace
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        match (name, value) {
            (b"Root", value) if is_root(value) => self.root.copy_from_slice(value),
            (b"Parent", value)
                if value.len() == PARENT_BYTES && value.iter().all(u8::is_ascii_hexdigit) =>
            {
                self.parent.copy_from_slice(value);
            }
            (b"Sampled", [digit @ (b'0' | b'1' | b'?')]) => self.sampled = *digit,
            _ => {}
        }
    }

    /// `1-5759e988-bd862e3fe1be46a994272793`.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// Appends `Root=…`, which is all that HTTP APIs tell their backends.
    pub fn write_root(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Root=");
        out.extend_from_slice(&self.root);
    }

    /// Appends `Root=…;Parent=…;Sampled=…`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_root(out);
        out.extend_from_slice(b";Parent=");
        out.extend_from_slice(&self.parent);
        out.extend_from_slice(b";Sampled=");
        out.push(self.sampled);
    }

    /// What `write` appends.
    pub fn text(&self) -> String {
        let mut out = Vec::with_capacity(80);
        self.write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

fn is_root(value: &[u8]) -> bool {
    let fits = |(index, byte): (usize, &u8)| match index {
        0 => *byte == b'1',
        1 | 10 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    value.len() == ROOT_BYTES && value.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_names_is_kept_and_the_rest_made_up() {
        let check = |header: Option<&str>, expected: &str| {
            let random = [0x1_0000_00ab, 0xcd, 0xef];
            let trace = Trace::continued(header.map(str::as_bytes), 0x6789_1233, random);
            let mut out = Vec::new();
            trace.write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{header:?}");
        };
        let made = "Root=1-67891233-000000ab00000000000000cd";
        let own = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let parent = "Parent=53995c3f42cd8ad8";
        check(None, &format!("{made};Parent=00000000000000ef;Sampled=0"));
        check(
            Some(own),
            &format!("{own};Parent=00000000000000ef;Sampled=0"),
        );
        check(
            Some(&format!("Sampled=1; {parent} ;{own}")),
            &format!("{own};{parent};Sampled=1"),
        );
        check(
            Some("Root=1-x;Parent=1;Sampled=yes;=;;nonsense"),
            &format!("{made};Parent=00000000000000ef;Sampled=0"),
        );
    }
}
