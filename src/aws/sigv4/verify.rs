//! Is the signature right, for us, and of now?

use crate::aws::credential::{AccessKey, AccessKeys};
use crate::aws::sigv4::canonical::{
    self, CONTENT_HASH_HEADER, Payload, Request, UNSIGNED_PAYLOAD, is_s3,
};
use crate::aws::sigv4::key;
use crate::aws::sigv4::presented::{Carrier, Presented};
use crate::aws::sigv4::refusal::{Refusal, SKEW_SECONDS};

/// What a signature has to be made for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub service: &'a str,
    /// `None` takes any.
    pub region: Option<&'a str>,
}

/// A request whose signature is right.
#[derive(Clone, Debug)]
pub struct Verified<'k> {
    pub key: &'k AccessKey,
    pub presented: Presented,
}

/// A request that names a key of ours, for us and of now; whether that key has signed it is open.
#[derive(Clone, Debug)]
pub struct Claimed<'k> {
    pub key: &'k AccessKey,
    pub presented: Presented,
}

/// Judges the signature of a request at the moment `epoch_ms` (milliseconds since 1970).
///
/// # Errors
/// The first reason to refuse it, in AWS's order: what is missing, time, form, scope, key,
/// signature.
pub fn verify<'k>(
    request: &Request<'_>,
    payload: &Payload<'_>,
    keys: &'k AccessKeys,
    wanted: &Wanted<'_>,
    epoch_ms: u64,
) -> Result<Verified<'k>, Refusal> {
    claim(request, keys, wanted, epoch_ms)?.prove(request, payload)
}

/// All that `verify` judges before it looks at the body.
///
/// # Errors
/// As `verify`.
pub fn claim<'k>(
    request: &Request<'_>,
    keys: &'k AccessKeys,
    wanted: &Wanted<'_>,
    epoch_ms: u64,
) -> Result<Claimed<'k>, Refusal> {
    let presented = Presented::read(request)?;
    check_time(&presented, epoch_ms / 1_000)?;
    let sentences = presented.scope_faults(wanted.service, wanted.region);
    if !sentences.is_empty() {
        return Err(Refusal::Scope { sentences });
    }
    let key = keys
        .find(&presented.access_key_id)
        .filter(|key| is_token(key, &presented))
        .ok_or(Refusal::UnknownKey)?;
    if key.expires_s.is_some_and(|end| end <= epoch_ms / 1_000) {
        return Err(Refusal::ExpiredToken);
    }
    Ok(Claimed { key, presented })
}

impl<'k> Claimed<'k> {
    /// Judges the signature before the body is there, by the hash of it that the client names; none
    /// if it names none. Only `prove` says that the body is this one.
    pub fn prove_named(&self, request: &Request<'_>) -> Option<Result<(), Refusal>> {
        let hash = named_hash(request.value(CONTENT_HASH_HEADER)?)?;
        let (key, presented) = (self.key, &self.presented);
        let payload = Payload::Sha256(hash);
        Some(check_signature(request, &payload, &key.secret, presented))
    }

    /// Judges the signature itself. `request` is the one that claimed it.
    ///
    /// # Errors
    /// It is not that of the key.
    pub fn prove(
        self,
        request: &Request<'_>,
        payload: &Payload<'_>,
    ) -> Result<Verified<'k>, Refusal> {
        let Self { key, presented } = self;
        check_signature(request, payload, &key.secret, &presented)?;
        Ok(Verified { key, presented })
    }
}

fn named_hash(text: &[u8]) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(hash)
}

fn check_time(presented: &Presented, now: u64) -> Result<(), Refusal> {
    let signed = presented.signed;
    let allowed = match presented.carrier {
        Carrier::Query {
            expires_seconds: Some(seconds),
        } => seconds,
        _ => SKEW_SECONDS,
    };
    if signed > now + SKEW_SECONDS {
        return Err(Refusal::NotYet { signed, now });
    }
    if signed.saturating_add(allowed) < now {
        return Err(Refusal::Expired {
            signed,
            now,
            allowed,
        });
    }
    Ok(())
}

fn is_token(key: &AccessKey, presented: &Presented) -> bool {
    match (&key.session_token, &presented.session_token) {
        (None, None) => true,
        (Some(wanted), Some(found)) => key::is_same(wanted, found),
        _ => false,
    }
}

fn check_signature(
    request: &Request<'_>,
    payload: &Payload<'_>,
    secret: &str,
    presented: &Presented,
) -> Result<(), Refusal> {
    let canonical_request = canonical::request(
        request,
        &presented.service,
        &presented.signed_headers,
        &payload_hash(request, payload, presented),
    );
    let scope = presented.scope();
    let string_to_sign = key::string_to_sign(&presented.moment, &scope, &canonical_request);
    let expected = key::signature(secret, &scope, &string_to_sign);
    if key::is_same(&expected, &presented.signature) {
        return Ok(());
    }
    Err(Refusal::Mismatch {
        canonical_request: String::from_utf8_lossy(&canonical_request).into_owned(),
        string_to_sign,
    })
}

/// What stands for the body: its hash, or a word when the client says that it signed none.
///
/// A hash that the client names is not believed: ours goes in, and if they differ, so do the
/// signatures.
fn payload_hash(request: &Request<'_>, payload: &Payload<'_>, presented: &Presented) -> String {
    let s3 = is_s3(&presented.service);
    match request.value(CONTENT_HASH_HEADER) {
        Some(b"UNSIGNED-PAYLOAD") => UNSIGNED_PAYLOAD.to_owned(),
        None if s3 && presented.carrier != Carrier::Header => UNSIGNED_PAYLOAD.to_owned(),
        _ => payload.hash(),
    }
}
