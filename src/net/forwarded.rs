//! The headers that tell an upstream about the client: `X-Forwarded-*`, `Forwarded`, `Via`.

use std::io::Write as _;
use std::net::IpAddr;

use crate::base::ascii;
use crate::net::settings::XForwarded;
use crate::net::{Client, Exchange};
use crate::wire::head::{Field, Name, Version};

/// Appends the header lines for the upstream.
pub fn append(out: &mut Vec<u8>, exchange: &Exchange<'_>) {
    let forwarding = &exchange.client.settings.forwarding;
    if forwarding.x_forwarded != XForwarded::Off {
        let keep = forwarding.x_forwarded == XForwarded::Append;
        x_forwarded(out, exchange, keep);
    }
    if forwarding.forwarded {
        forwarded(out, exchange);
    }
    if !forwarding.via.is_empty() {
        out.extend_from_slice(b"Via: ");
        earlier(out, exchange, Name::Via);
        out.extend_from_slice(match exchange.head().version {
            Version::Http10 => b"1.0 ",
            Version::Http11 => b"1.1 ",
        });
        out.extend_from_slice(forwarding.via.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a field tells of the client, and `of_client` has it anew.
pub fn is_of_client(field: &Field) -> bool {
    matches!(
        field.id,
        Name::XForwardedFor | Name::XForwardedProto | Name::XForwardedPort
    )
}

/// What a function is told of the client, whatever upstreams are told.
pub fn of_client(exchange: &Exchange<'_>) -> [(&'static str, String); 3] {
    let client = exchange.client;
    let keep = client.settings.forwarding.x_forwarded == XForwarded::Append;
    let said = |name: Name| {
        let value = exchange.head().field(exchange.bytes(), name)?;
        keep.then(|| ascii::text(value).into_owned())
    };
    let mut addresses = Vec::new();
    if keep {
        earlier(&mut addresses, exchange, Name::XForwardedFor);
    }
    address(&mut addresses, client.peer.ip());
    let port = said(Name::XForwardedPort);
    let proto = said(Name::XForwardedProto);
    [
        ("X-Forwarded-For", ascii::owned_text(addresses)),
        (
            "X-Forwarded-Port",
            port.unwrap_or_else(|| client.local.port().to_string()),
        ),
        (
            "X-Forwarded-Proto",
            proto.unwrap_or_else(|| ascii::text(protocol(client)).into_owned()),
        ),
    ]
}

fn x_forwarded(out: &mut Vec<u8>, exchange: &Exchange<'_>, keep: bool) {
    let client = exchange.client;
    out.extend_from_slice(b"X-Forwarded-For: ");
    if keep {
        earlier(out, exchange, Name::XForwardedFor);
    }
    address(out, client.peer.ip());
    // These three describe the first hop, so the word of a trusted proxy before us wins.
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    match exchange
        .head()
        .field(exchange.bytes(), Name::XForwardedProto)
    {
        Some(value) if keep => out.extend_from_slice(value),
        _ => out.extend_from_slice(protocol(client)),
    }
    let host = exchange.head().host.of(exchange.bytes());
    match exchange
        .head()
        .field(exchange.bytes(), Name::XForwardedHost)
    {
        Some(value) if keep => {
            out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
            out.extend_from_slice(value);
        }
        _ if !host.is_empty() => {
            out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
            out.extend_from_slice(host);
        }
        _ => {}
    }
    out.extend_from_slice(b"\r\nX-Forwarded-Port: ");
    match exchange
        .head()
        .field(exchange.bytes(), Name::XForwardedPort)
    {
        Some(value) if keep => out.extend_from_slice(value),
        _ => crate::wire::h1::encode::decimal(out, u64::from(client.local.port())),
    }
    out.extend_from_slice(b"\r\n");
}

/// RFC 7239 section 4: `for`, `host` and `proto` of this hop behind those of earlier ones.
fn forwarded(out: &mut Vec<u8>, exchange: &Exchange<'_>) {
    out.extend_from_slice(b"Forwarded: ");
    earlier(out, exchange, Name::Forwarded);
    out.extend_from_slice(b"for=");
    match exchange.client.peer.ip() {
        // "an IPv6 address is always enclosed in square brackets" and so must be quoted.
        ip @ IpAddr::V6(_) => {
            out.extend_from_slice(b"\"[");
            address(out, ip);
            out.extend_from_slice(b"]\"");
        }
        ip => address(out, ip),
    }
    let host = exchange.head().host.of(exchange.bytes());
    if !host.is_empty() {
        out.extend_from_slice(b";host=\"");
        out.extend_from_slice(host);
        out.push(b'"');
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(protocol(exchange.client));
    out.extend_from_slice(b"\r\n");
}

/// The values of all earlier headers of this name, each followed by a comma.
fn earlier(out: &mut Vec<u8>, exchange: &Exchange<'_>, name: Name) {
    for field in &exchange.head().fields {
        if field.id == name && !field.hop && !field.value.is_empty() {
            out.extend_from_slice(field.value.of(exchange.bytes()));
            out.extend_from_slice(b", ");
        }
    }
}

fn protocol(client: &Client) -> &'static [u8] {
    if client.is_tls { b"https" } else { b"http" }
}

/// Writes an address without going through the formatter for IPv4, which every request needs.
pub fn address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let mut text = [b'.'; 16];
            let mut at = 0;
            for octet in ip.octets() {
                for unit in [100, 10, 1] {
                    if octet >= unit || unit == 1 {
                        text[at & 15] = b'0' + octet / unit % 10;
                        at += 1;
                    }
                }
                // The dot stands there already.
                at += 1;
            }
            out.extend_from_slice(&text[..at - 1]);
        }
        IpAddr::V6(ip) => {
            let _ = match ip.to_ipv4_mapped() {
                Some(v4) => write!(out, "{v4}"),
                None => write!(out, "{ip}"),
            };
        }
    }
}
