//! Benchmarks of the engine without Python: `cargo bench -p keepset-benches`.

use criterion::{Criterion, criterion_group, criterion_main};
use keepset_benches::many_directories;

fn generate(criterion: &mut Criterion) {
    criterion.bench_function("generate", |bencher| {
        bencher.iter(|| many_directories(10, 100));
    });
}

criterion_group!(benches, generate);
criterion_main!(benches);
