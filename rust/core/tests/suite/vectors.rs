//! Every shared vector gets its stated verdict and its stated normal form.

use keepset_core::naive::checks::{check_reading, check_writing};
use keepset_core::{Manifest, Mode, Tree};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/manifest_cases.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    lines.split('\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text_of(case: &Value) -> Vec<u8> {
    match case["hex"].as_str() {
        Some(hex) => (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect(),
        None => case["text"].as_str().unwrap().as_bytes().to_vec(),
    }
}

#[test]
fn there_are_as_many_cases_as_there_should_be() {
    let cases = cases();
    let names: BTreeSet<_> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!((cases.len(), names.len()), (111, 111));
}

#[test]
fn every_case_gets_its_verdict() {
    for case in cases() {
        for (mode, verdict) in [(Mode::Compat, &case["compat"]), (Mode::Strict, &case["strict"])] {
            let tree = Tree::parse(text_of(&case).into(), mode);
            assert_eq!(tree.is_ok(), verdict.as_bool().unwrap(), "{mode:?} {case}: {tree:?}");
        }
    }
}

#[test]
fn every_case_gets_its_normal_form() {
    for case in cases() {
        let Ok(tree) = Tree::parse(text_of(&case).into(), Mode::Compat) else { continue };
        let normal = Manifest::normal(Arc::new(tree)).text().unwrap();
        assert_eq!(normal, case["normalized"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn every_case_means_what_the_twin_says() {
    for case in cases() {
        check_reading(&text_of(&case));
        check_writing(&text_of(&case));
    }
}
