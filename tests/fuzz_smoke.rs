//! Runs every fuzz target for a moment: its seeds, then mutations of them.
//!
//! The mutations follow from a number, so a failure can be repeated; it is told, and the input that
//! failed is kept. `FUZZ_SEED` sets the number, `FUZZ_SECONDS` the time for each target. What this
//! cannot find, libFuzzer may: see `fuzz/run`.

#![allow(clippy::expect_used, clippy::panic)]

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../fuzz/src/lib.rs"]
mod targets;

use daemun::{base, plan};
use targets::Target;

const SEED: u64 = 0x5eed;
const SECONDS: f64 = 2.0;
const INPUT_BYTES_MAX: usize = 16 * 1024;

#[test]
fn request_heads_keep_their_promises() {
    smoke(&targets::request_head::TARGET);
}

#[test]
fn response_heads_keep_their_promises() {
    smoke(&targets::response_head::TARGET);
}

#[test]
fn chunked_bodies_keep_their_promises() {
    smoke(&targets::chunked::TARGET);
}

#[test]
fn targets_and_routers_keep_their_promises() {
    smoke(&targets::target_and_router::TARGET);
}

#[test]
fn configs_keep_their_promises() {
    smoke(&targets::config::TARGET);
}

#[test]
fn log_lines_keep_their_promises() {
    smoke(&targets::logline::TARGET);
}

#[test]
fn parameter_mappings_keep_their_promises() {
    smoke(&targets::mapping::TARGET);
}

#[test]
fn mapping_templates_keep_their_promises() {
    smoke(&targets::vtl::TARGET);
}

#[test]
fn json_paths_keep_their_promises() {
    smoke(&targets::jsonpath::TARGET);
}

#[test]
fn expressions_keep_their_promises() {
    smoke(&targets::params::TARGET);
}

#[test]
fn models_keep_their_promises() {
    smoke(&targets::schema::TARGET);
}

/// AWS's largest body, of kinds that break readers: deep, long, and no text at all.
#[test]
fn the_largest_bodies_end_as_small_ones_do() {
    let heads: [(&Target, &[u8]); 5] = [
        (
            &targets::vtl::TARGET,
            b"$input.json('$') $input.path('$.a') $util.parseJson($input.body)\0",
        ),
        (&targets::jsonpath::TARGET, b"$..a\n"),
        (
            &targets::mapping::TARGET,
            b"append:header.x\n$request.body.a\n",
        ),
        (&targets::params::TARGET, b"method.request.body.$..a\n\n"),
        (
            &targets::schema::TARGET,
            b"{\"items\":{\"type\":\"string\"}}\0",
        ),
    ];
    let long = [b"\"", vec![b'x'; 1000].as_slice(), b"\","].concat();
    let bodies: [(&[u8], &[u8], &[u8]); 5] = [
        (b"", b"[", b""),
        (b"", b"{\"a\":", b""),
        (b"", b"\xff", b""),
        (b"{\"a\":\"", b"\\u00e9", b"\"}"),
        (b"[", &long, b"1]"),
    ];
    for (target, head) in heads {
        for (begin, middle, end) in bodies {
            let count = BODY_BYTES / middle.len();
            let input = [head, begin, &middle.repeat(count), end].concat();
            let began = Instant::now();
            (target.run)(&input);
            let took = began.elapsed();
            let name = target.name;
            assert!(took < BODY_LIMIT, "{name}: {took:?} for {middle:?}");
        }
    }
}

const BODY_BYTES: usize = 10 * 1024 * 1024;
/// Without optimisation, on a machine that does other things as well.
const BODY_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_target_has_a_program_for_libfuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("fuzz/Cargo.toml");
    for target in targets::TARGETS {
        let name = target.name;
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "add a [[bin]] for `{name}` to fuzz/Cargo.toml"
        );
        let program = fuzz.join("fuzz_targets").join(format!("{name}.rs"));
        assert!(program.exists(), "{} is missing", program.display());
    }
}

/// `FUZZ_CORPUS` names the folder for a run that means it.
#[test]
fn seeds_become_a_corpus_for_libfuzzer() {
    let corpus = env::var("FUZZ_CORPUS");
    let corpus = corpus.unwrap_or(concat!(env!("CARGO_TARGET_TMPDIR"), "/fuzz-corpus").to_owned());
    for target in targets::TARGETS {
        let folder = Path::new(&corpus).join(target.name);
        fs::create_dir_all(&folder).expect("a folder for the corpus");
        for (index, seed) in target.seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{index}")), seed).expect("a written seed");
        }
        assert!(!target.seeds.is_empty() && !target.tokens.is_empty());
    }
}

fn smoke(target: &Target) {
    for seed in target.seeds {
        attempt(target, seed, "a seed");
    }
    let number = setting("FUZZ_SEED", SEED);
    let seconds = setting("FUZZ_SECONDS", SECONDS);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut random = Random(number);
    let mut input = Vec::new();
    let mut turns = 0_u64;
    while Instant::now() < end {
        input.clear();
        input.extend_from_slice(target.seeds[random.below(target.seeds.len())]);
        for _ in 0..=random.below(6) {
            mutate(&mut input, target, &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        turns += 1;
        attempt(
            target,
            &input,
            &format!("turn {turns} of FUZZ_SEED={number}"),
        );
    }
    println!("{}: {turns} inputs", target.name);
}

fn attempt(target: &Target, input: &[u8], story: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if let Err(panic) = outcome {
        let kept = format!("fuzz-{}.input", target.name);
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(kept);
        let _ = fs::write(&kept, input);
        eprintln!("{} broke a promise at {story}", target.name);
        eprintln!(
            "input, also in {}:\n{}",
            kept.display(),
            input.escape_ascii()
        );
        resume_unwind(panic);
    }
}

/// One small change, of the kinds that find faults in parsers.
fn mutate(input: &mut Vec<u8>, target: &Target, random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(64);
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next() as u8,
        2 => input.insert(at, random.next() as u8),
        3 => drop(input.drain(at..end)),
        4 => {
            let copy = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, copy);
        }
        5 => {
            let other = target.seeds[random.below(target.seeds.len())];
            let start = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[start..]);
        }
        _ => {
            let token = target.tokens[random.below(target.tokens.len())];
            let replaced = if random.below(2) == 0 { at } else { end };
            input.splice(at..replaced, token.iter().copied());
        }
    }
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
