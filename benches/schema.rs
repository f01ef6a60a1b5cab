//! A body of 2 KB held against a model of 20 properties: what a request validator costs, reading the
//! body included.

#![allow(clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use daemun::lang::schema::Schema;

const BODY: &str = include_str!("data/order.json");
const MODEL: &str = include_str!("data/order.schema.json");

fn checking(criterion: &mut Criterion) {
    let schema = Schema::compile(MODEL, &[]).expect("a model");
    schema
        .check(BODY.as_bytes())
        .expect("a body that follows it");
    let wrong = BODY.replace("\"qty\":3", "\"qty\":\"3\"");
    assert!(schema.check(wrong.as_bytes()).is_err());
    let mut group = criterion.benchmark_group("schema");
    group.bench_function("a body that follows its model", |bencher| {
        bencher.iter(|| schema.check(black_box(BODY.as_bytes())).is_ok());
    });
    group.bench_function("a body that does not", |bencher| {
        bencher.iter(|| schema.check(black_box(wrong.as_bytes())).is_ok());
    });
    group.finish();
}

criterion_group!(benches, checking);
criterion_main!(benches);
