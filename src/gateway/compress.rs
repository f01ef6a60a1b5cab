//! Answers compressed for clients that like it, and requests that came compressed.
//! (AWS: "Payload compression for REST APIs".)

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::gateway::asked::Asked;
use crate::gateway::{Answer, Reject};
use crate::rt::task;
use crate::wire::head::Name;

/// So many bytes are compressed before other tasks of the core get their turn.
const STEP_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// Compresses an answer of at least `from` bytes, if the client accepts a coding that we know and
/// nobody has coded it yet.
pub async fn answer(asked: &Asked<'_>, from: usize, answer: &mut Answer) {
    if answer.body.len() < from.max(1) || answer.headers.get("content-encoding").is_some() {
        return;
    }
    let accepted = asked.head.field(asked.bytes, Name::AcceptEncoding);
    let accepted = String::from_utf8_lossy(accepted.unwrap_or_default());
    let Some(coding) = choose(&accepted) else {
        return;
    };
    // Writing to memory does not fail.
    if let Ok(body) = compressed(coding, &answer.body).await {
        answer.body = body;
        let name = coding.name().as_bytes();
        answer.headers.push("Content-Encoding", name);
    }
}

/// The better one of what is accepted (RFC 9110 section 12.5.3).
fn choose(accepted: &str) -> Option<Coding> {
    let quality = |wanted: &str| {
        let one = accepted.split(',').find_map(|one| {
            let (name, rest) = one.split_once(';').unwrap_or((one, ""));
            if !name.trim().eq_ignore_ascii_case(wanted) {
                return None;
            }
            let quality = rest.trim().strip_prefix("q=");
            Some(quality.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0)))
        });
        one.unwrap_or(0.0)
    };
    let (gzip, deflate): (f32, f32) = (quality("gzip"), quality("deflate"));
    match (gzip > 0.0, deflate > 0.0) {
        (false, false) => None,
        _ if gzip >= deflate => Some(Coding::Gzip),
        _ => Some(Coding::Deflate),
    }
}

async fn compressed(coding: Coding, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let level = Compression::fast();
    let out = Vec::with_capacity(body.len() / 4);
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(out, level);
            write_all(&mut encoder, body).await?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(out, level);
            write_all(&mut encoder, body).await?;
            encoder.finish()
        }
    }
}

async fn write_all(encoder: &mut impl Write, body: &[u8]) -> std::io::Result<()> {
    for step in body.chunks(STEP_BYTES) {
        encoder.write_all(step)?;
        if step.len() == STEP_BYTES {
            task::give_way().await;
        }
    }
    Ok(())
}

/// The payload of a request that came compressed; none: it did not.
///
/// # Errors
/// It is not what it says, or has more than `bytes_max` bytes.
pub async fn request(asked: &Asked<'_>, bytes_max: u64) -> Result<Option<Vec<u8>>, Reject> {
    let said = asked.head.field(asked.bytes, Name::ContentEncoding);
    match said.unwrap_or_default().to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => read_all(MultiGzDecoder::new(asked.body), bytes_max).await,
        b"deflate" => read_all(ZlibDecoder::new(asked.body), bytes_max).await,
        _ => return Ok(None),
    }
    .map(Some)
}

async fn read_all(mut decoder: impl Read, bytes_max: u64) -> Result<Vec<u8>, Reject> {
    let mut payload = Vec::new();
    loop {
        let step = decoder.by_ref().take(STEP_BYTES as u64);
        let read = { step }.read_to_end(&mut payload);
        match read.map_err(|_| Reject::BadRequest)? {
            0 => return Ok(payload),
            _ if payload.len() as u64 > bytes_max => return Err(Reject::RequestTooLarge),
            _ => task::give_way().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_coding_is_chosen() {
        let check = |accepted: &str, expected| assert_eq!(choose(accepted), expected, "{accepted}");
        check("gzip", Some(Coding::Gzip));
        check("deflate, GZIP;q=0.5", Some(Coding::Deflate));
        check("gzip;q=0, deflate;q=0", None);
        check("br, identity", None);
        check("", None);
        check("gzip;q=x", None);
        check("deflate, gzip", Some(Coding::Gzip));
    }
}
