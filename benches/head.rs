//! Request and response heads: our parser, which refuses what smells of smuggling, beside httparse
//! alone, which only finds the lines.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use daemun::wire::{Limits, Parsed, RequestHead, ResponseHead};

/// What a load generator sends.
const REQUEST_SMALL: &[u8] = b"GET /pets/17 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

/// What a browser sends.
const REQUEST_BROWSER: &[u8] = b"GET /pets/17/photos?size=large&from=2026-01-01 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Origin: https://www.example.com\r\n\
    Sec-Fetch-Site: same-site\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\n\
    Referer: https://www.example.com/pets\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n\r\n";

const RESPONSE_SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

/// What a web framework answers.
const RESPONSE_FRAMEWORK: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 5120\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: private, max-age=0, must-revalidate\r\n\
    ETag: W/\"1400-Gx0mPq3kZ1\"\r\n\
    Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n\
    Vary: Accept-Encoding, Origin\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Request-Id: 5e9b7a4c-31a5-4a5a-9d53-0c6e3e6f5f0b\r\n\r\n";

const FIELDS_MAX: usize = 100;

fn requests(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let mut group = criterion.benchmark_group("request head");
    for (name, bytes) in [("small", REQUEST_SMALL), ("browser", REQUEST_BROWSER)] {
        assert_eq!(head.parse(bytes, &limits), Ok(Parsed::Complete), "{name}");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        assert!(head.parse_ordinary(bytes, &limits), "{name}");
        group.bench_function(format!("{name}/daemun"), |bencher| {
            bencher.iter(|| head.parse_ordinary(black_box(bytes), &limits));
        });
        group.bench_function(format!("{name}/daemun, of every kind"), |bencher| {
            bencher.iter(|| head.parse(black_box(bytes), &limits));
        });
        group.bench_function(format!("{name}/httparse alone"), |bencher| {
            bencher.iter(|| {
                let mut table = [const { MaybeUninit::uninit() }; FIELDS_MAX];
                let mut request = httparse::Request::new(&mut []);
                let parsed = request.parse_with_uninit_headers(black_box(bytes), &mut table);
                black_box(parsed.is_ok())
            });
        });
    }
    group.finish();
}

fn responses(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut head = ResponseHead::default();
    let mut group = criterion.benchmark_group("response head");
    for (name, bytes) in [("small", RESPONSE_SMALL), ("framework", RESPONSE_FRAMEWORK)] {
        assert_eq!(
            head.parse(bytes, false, &limits),
            Ok(Parsed::Complete),
            "{name}"
        );
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        assert!(head.parse_ordinary(bytes, false, &limits), "{name}");
        group.bench_function(format!("{name}/daemun"), |bencher| {
            bencher.iter(|| head.parse_ordinary(black_box(bytes), false, &limits));
        });
        group.bench_function(format!("{name}/daemun, of every kind"), |bencher| {
            bencher.iter(|| head.parse(black_box(bytes), false, &limits));
        });
        group.bench_function(format!("{name}/httparse alone"), |bencher| {
            bencher.iter(|| {
                let mut table = [const { MaybeUninit::uninit() }; FIELDS_MAX];
                let mut response = httparse::Response::new(&mut []);
                let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
                    &mut response,
                    black_box(bytes),
                    &mut table,
                );
                black_box(parsed.is_ok())
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = requests, responses
}
criterion_main!(benches);
