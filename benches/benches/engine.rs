//! Benchmarks of the engine without Python: `cargo bench -p keepset-benches`.
//!
//! Shapes and sizes follow the Python corpora at a tenth of their size, so that a run takes minutes.

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keepset_benches::{interleaved, many_directories, one_block_each, one_directory, small_manifests};
use keepset_core::ids::NodeId;
use keepset_core::tree::content::Source;
use keepset_core::tree::diff::{diff, is_same_tree};
use keepset_core::{Manifest, Mode, Parser, Tree};
use std::hint::black_box;
use std::sync::Arc;

fn corpora() -> Vec<(&'static str, Bytes)> {
    vec![
        ("many directories", many_directories(20, 1000).into()),
        ("a block each", one_block_each(100_000, 1000).into()),
        ("one directory", one_directory(100_000, false).into()),
        ("one directory, shuffled", one_directory(100_000, true).into()),
        ("interleaved", interleaved(40, 6400, false).into()),
        ("interleaved, shuffled", interleaved(40, 6400, true).into()),
    ]
}

fn read(text: &Bytes) -> Tree {
    Tree::parse(text.clone(), Mode::Compat).unwrap_or_default()
}

/// Measures an operation on a tree of each corpus.
fn each(criterion: &mut Criterion, name: &str, mut run: impl FnMut(&Arc<Tree>)) {
    let mut group = criterion.benchmark_group(name);
    for (corpus, text) in corpora() {
        let tree = Arc::new(read(&text));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(corpus), |bencher| bencher.iter(|| run(&tree)));
    }
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (corpus, text) in corpora() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(corpus), |bencher| bencher.iter(|| black_box(read(&text))));
    }
    let texts: Vec<Bytes> = small_manifests(1000, 10).into_iter().map(Bytes::from).collect();
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("small manifests", |bencher| {
        let mut parser = Parser::default();
        bencher.iter(|| texts.iter().filter_map(|text| parser.parse(text.clone(), Mode::Compat).ok()).count());
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    each(criterion, "normalize", |tree| {
        black_box(Manifest::normal(Arc::clone(tree)).text()).ok();
    });
    each(criterion, "portable data hash", |tree| {
        black_box(Manifest::normal(Arc::clone(tree)).portable_data_hash()).ok();
    });
    each(criterion, "strip", |tree| {
        black_box(Manifest::original(Arc::clone(tree)).stripped().text()).ok();
    });
}

fn compare(criterion: &mut Criterion) {
    each(criterion, "compare with an equal tree", |tree| {
        let other = Tree::clone(tree);
        assert!(is_same_tree(tree, &other));
    });
    each(criterion, "difference to an empty tree", |tree| {
        black_box(diff(tree, &Tree::default()));
    });
}

fn edit(criterion: &mut Criterion) {
    let tree = read(&many_directories(100, 1000).into());
    let directory = tree.children(Tree::ROOT).next().unwrap_or(Tree::ROOT);
    let mut group = criterion.benchmark_group("edit");
    let mut on_copy = |name: &str, run: fn(&mut Tree, NodeId)| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| tree.clone(), |mut tree| run(&mut tree, directory), BatchSize::LargeInput);
        });
    };
    on_copy("copy a directory of 1,000 files", |tree, directory| {
        tree.copy_within(directory, Tree::ROOT, b"copy").ok();
    });
    on_copy("add and write 1,000 files", |tree, directory| {
        for number in 0_u64..1000 {
            if let Ok(file) = tree.add_file(directory, format!("new {number}").as_bytes()) {
                tree.write(file, 0, Source::Cell(number), 0, 4096).ok();
            }
        }
    });
    group.finish();
}

criterion_group!(benches, parse, write, compare, edit);
criterion_main!(benches);
