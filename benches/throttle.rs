//! One token bucket asked by one thread and by two at once, when it admits and when it refuses.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use daemun::gateway::throttle::Bucket;
use daemun::plan::Limit;

fn bucket(rate: f64, burst: u32) -> Bucket {
    Bucket::new(&Limit {
        scope: "bench".into(),
        rate,
        burst,
    })
}

/// Never reached: more tokens a second than any number of threads can take.
fn plenty() -> Bucket {
    bucket(9e8, u32::MAX)
}

/// Always empty: one token a day, taken at once.
fn empty() -> Bucket {
    let bucket = bucket(1.0 / 86_400.0, 1);
    assert!(bucket.admit());
    bucket
}

/// The time in which each of the threads asks `times` times, from a common start to the last end.
fn contend(bucket: &Bucket, threads: usize, times: u64, expected: bool) -> Duration {
    let barrier = Barrier::new(threads + 1);
    let ask = || {
        barrier.wait();
        let wrong = (0..times).filter(|_| bucket.admit() != expected).count();
        assert_eq!(wrong, 0, "of {times} answers");
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        barrier.wait();
        let start = Instant::now();
        for thread in asking {
            assert!(thread.join().is_ok());
        }
        start.elapsed()
    })
}

fn admitting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("throttle");
    for (name, bucket, expected) in [("admits", plenty(), true), ("refuses", empty(), false)] {
        group.bench_function(format!("{name}, 1 thread"), |bencher| {
            bencher.iter(|| bucket.admit());
        });
        group.bench_function(format!("{name}, 2 threads"), |bencher| {
            bencher.iter_custom(|times| contend(&bucket, 2, times, expected));
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
    targets = admitting
}
criterion_main!(benches);
