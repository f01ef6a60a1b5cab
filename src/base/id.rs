//! Request ids: sixteen characters, unique across cores, nodes and restarts.

use std::fmt;
use std::io;

use crate::base::Uuid;

/// The URL-safe alphabet of RFC 4648 section 5: AWS's ids hold `-` and `_`, never `+` or `/`.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// After so many ids the generator takes fresh randomness, so that seeing some ids does not give
/// the later ones away for long. One system call for so many ids costs nothing.
const IDS_PER_SEED: u32 = 4_096;

/// `JKJaXmPLvHcESHA=`: eleven random bytes in base64, as in AWS's `apigw-requestid`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        // Only characters of `ALPHABET` and `=` are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One core's source of request ids: xoshiro256++ over the system's randomness.
///
/// With 88 random bits an id repeats with a chance of one in a million after 2^34 of them. The
/// ids name requests; they are no secrets.
#[derive(Debug)]
pub struct RequestIds {
    state: [u64; 4],
    /// Ids until the next seed.
    left: u32,
    /// False in tests that want the same ids again.
    reseeds: bool,
}

impl RequestIds {
    /// # Errors
    /// When the system gives no randomness (a kernel before 3.17 or a sandbox without the call).
    pub fn from_system() -> io::Result<Self> {
        Ok(Self {
            state: system_seed()?,
            left: IDS_PER_SEED,
            reseeds: true,
        })
    }

    /// Always the same ids for one seed. For tests and benches.
    pub fn seeded(seed: u64) -> Self {
        // Splitmix64 spreads a small seed over the state, which must not be all zero.
        let mut counter = seed;
        let state = std::array::from_fn(|_| {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = counter;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        });
        Self {
            state,
            left: IDS_PER_SEED,
            reseeds: false,
        }
    }

    /// A fresh id. Allocates nothing and takes a few nanoseconds.
    #[inline]
    #[allow(clippy::should_implement_trait)] // An iterator would promise an end.
    pub fn next(&mut self) -> RequestId {
        if self.left == 0 {
            self.reseed();
        }
        self.left -= 1;
        let (high, low) = (self.word(), self.word());
        let mut text = [b'='; 16];
        // Ten characters from one word, five from the other: 60 + 28 = 88 bits. The last character
        // carries four bits and two zeros, as eleven bytes in base64 do.
        for (index, character) in text[..10].iter_mut().enumerate() {
            *character = ALPHABET[(high >> (6 * index)) as usize & 63];
        }
        for (index, character) in text[10..14].iter_mut().enumerate() {
            *character = ALPHABET[(low >> (6 * index)) as usize & 63];
        }
        text[14] = ALPHABET[(low >> 22) as usize & 0b11_1100];
        RequestId(text)
    }

    /// A fresh random UUID.
    pub fn uuid(&mut self) -> Uuid {
        Uuid::of(self.words())
    }

    /// Fresh random bits, for ids of other shapes.
    pub fn words<const COUNT: usize>(&mut self) -> [u64; COUNT] {
        std::array::from_fn(|_| self.word())
    }

    #[cold]
    fn reseed(&mut self) {
        self.left = IDS_PER_SEED;
        if self.reseeds
            && let Ok(seed) = system_seed()
        {
            // Mixed in, not put in place: never worse than before.
            for (word, fresh) in self.state.iter_mut().zip(seed) {
                *word ^= fresh;
            }
            if self.state == [0; 4] {
                self.state = seed;
            }
        }
    }

    #[inline]
    fn word(&mut self) -> u64 {
        let state = &mut self.state;
        let word = state[0]
            .wrapping_add(state[3])
            .rotate_left(23)
            .wrapping_add(state[0]);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        word
    }
}

/// Ids of resources as AWS writes them: small letters and digits.
#[derive(Debug)]
pub struct ResourceIds(RequestIds);

impl ResourceIds {
    /// # Errors
    /// When the system gives no randomness.
    pub fn from_system() -> io::Result<Self> {
        RequestIds::from_system().map(Self)
    }

    /// Always the same ids for one seed. For tests.
    pub fn seeded(seed: u64) -> Self {
        Self(RequestIds::seeded(seed))
    }

    /// A source of its own, so that two threads do not wait for each other.
    pub fn fork(&mut self) -> Self {
        Self(RequestIds {
            state: self.0.words(),
            left: IDS_PER_SEED,
            reseeds: self.0.reseeds,
        })
    }

    /// So many characters, the first one a letter. Fresh randomness each time: keys that nobody
    /// may guess are made here too.
    pub fn next(&mut self, length: usize) -> String {
        self.0.reseed();
        const SMALL: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let letters = if text.is_empty() { 26 } else { 36 };
            // Taken from the high half, where all bits of xoshiro256++ are equally good.
            let index = ((self.0.word() >> 32) * letters) >> 32;
            text.push(char::from(SMALL[index as usize]));
        }
        text
    }

    /// A random UUID (RFC 9562, version 4), as answers of the management APIs carry it.
    pub fn uuid(&mut self) -> String {
        self.0.uuid().as_str().to_owned()
    }
}

/// 256 bits of the system's randomness, not all zero.
fn system_seed() -> io::Result<[u64; 4]> {
    let mut seed = [0_u64; 4];
    loop {
        // SAFETY: the pointer and the length are those of `seed`; any bytes are valid `u64`s.
        let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), size_of_val(&seed), 0) };
        if got < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        } else if usize::try_from(got) == Ok(size_of_val(&seed)) && seed != [0; 4] {
            // Requests of up to 256 bytes are not cut short once the pool is ready.
            return Ok(seed);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_looks_like_those_of_aws() {
        let mut ids = RequestIds::from_system().unwrap();
        for _ in 0..1_000 {
            let id = ids.next();
            let (body, pad) = id.as_str().split_at(15);
            assert_eq!(pad, "=");
            assert!(body.bytes().all(|byte| ALPHABET.contains(&byte)), "{id:?}");
            // The two bits that eleven bytes leave over are zero: any base64 reader takes the id.
            let last = ALPHABET.iter().position(|byte| *byte == id.as_bytes()[14]);
            assert_eq!(last.unwrap() & 0b11, 0);
        }
    }

    #[test]
    fn ids_of_several_cores_differ_across_seeds() {
        let mut cores = [0; 4].map(|_| RequestIds::from_system().unwrap());
        let mut seen = HashSet::new();
        for _ in 0..IDS_PER_SEED * 3 {
            for core in &mut cores {
                assert!(seen.insert(core.next()));
            }
        }
    }

    #[test]
    fn ids_of_resources_begin_with_a_letter_and_uuids_are_of_version_4() {
        let mut ids = ResourceIds::from_system().unwrap();
        for length in [6, 10, 40] {
            let id = ids.next(length);
            assert_eq!(id.len(), length);
            assert!(id.starts_with(|c: char| c.is_ascii_lowercase()), "{id}");
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            );
        }
        let uuid = ids.uuid();
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'), "{uuid}");
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }

    #[test]
    fn a_fork_gives_other_ids_than_what_it_came_from() {
        let mut ids = ResourceIds::seeded(7);
        let mut fork = ids.fork();
        assert_ne!(ids.next(10), fork.next(10));
        assert_ne!(ids.fork().next(10), fork.next(10));
    }

    #[test]
    fn one_seed_gives_the_same_ids_and_another_seed_others() {
        let ids = |seed| {
            let mut source = RequestIds::seeded(seed);
            [source.next(), source.next()]
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_ne!(ids(0)[0], ids(0)[1]);
    }

    #[test]
    fn every_place_uses_its_whole_alphabet() {
        let mut source = RequestIds::seeded(1);
        let mut places = vec![HashSet::new(); 15];
        for _ in 0..IDS_PER_SEED {
            let id = source.next();
            for (place, byte) in places.iter_mut().zip(id.as_bytes()) {
                place.insert(*byte);
            }
        }
        let sizes: Vec<usize> = places.iter().map(HashSet::len).collect();
        assert_eq!(sizes[..14], [64; 14]);
        assert_eq!(sizes[14], 16);
    }
}
