//! Reading, writing, comparing and joining manifests beside the twins.

use crate::strategies::{bent_texts, pairs, texts, tiny_texts, triples};
use bytes::Bytes;
use keepset_core::naive::checks::{check_pair, check_reading, check_writing};
use keepset_core::naive::manifest::parse;
use keepset_core::naive::merge_checks::check_merge;
use keepset_core::tree::diff::is_same_tree;
use keepset_core::{Manifest, Mode, Parser, Tree};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_text_means_what_the_twin_says(text in texts()) {
        check_reading(&text);
    }

    #[test]
    fn a_tiny_text_means_what_the_twin_says(text in tiny_texts()) {
        check_reading(&text);
        check_writing(&text);
    }

    #[test]
    fn a_bent_text_means_what_the_twin_says(text in bent_texts()) {
        check_reading(&text);
    }

    #[test]
    fn any_bytes_mean_what_the_twin_says(text: Vec<u8>) {
        check_reading(&text);
    }

    #[test]
    fn every_form_is_that_of_the_twin(text in texts()) {
        check_writing(&text);
    }

    #[test]
    fn every_form_of_a_bent_text_is_that_of_the_twin(text in bent_texts()) {
        check_writing(&text);
    }

    #[test]
    fn differences_and_unions_are_those_of_the_twin((old, new) in pairs()) {
        check_pair(&old, &new);
    }

    #[test]
    fn differences_and_unions_of_tiny_texts_are_those_of_the_twin(old in tiny_texts(), new in tiny_texts()) {
        check_pair(&old, &new);
    }

    #[test]
    fn what_two_made_of_a_third_is_merged_as_the_twin_does((base, ours, theirs) in triples()) {
        check_merge(&base, &ours, &theirs);
    }

    #[test]
    fn whole_texts_are_merged_as_the_twin_does((base, ours) in pairs(), theirs in texts()) {
        check_merge(&base, &ours, &theirs);
        check_merge(&base, &theirs, &ours);
    }

    #[test]
    fn a_parser_remembers_nothing(texts in prop::collection::vec(bent_texts(), 1..4)) {
        let mut parser = Parser::default();
        for text in texts {
            let bytes = Bytes::from(text.clone());
            let _ = parser.validate(&text, 1);
            let (again, _) = parser.salvage(bytes.clone());
            let (fresh, _) = Parser::default().salvage(bytes.clone());
            prop_assert!(is_same_tree(&again, &fresh));
            for mode in [Mode::Compat, Mode::Strict] {
                let (again, fresh) = (parser.parse(bytes.clone(), mode), Tree::parse(bytes.clone(), mode));
                prop_assert_eq!(again.as_ref().err(), fresh.as_ref().err());
                if let (Ok(again), Ok(fresh)) = (again, fresh) {
                    let normal = |tree| Manifest::normal(Arc::new(tree)).text();
                    prop_assert_eq!(normal(again), normal(fresh));
                }
            }
        }
    }
}

/// A property of accepted texts says nothing about a strategy that draws only refused ones, and the reverse.
#[test]
fn the_strategies_draw_texts_of_every_verdict() {
    let mut runner = TestRunner::deterministic();
    let mut share = |strategy: BoxedStrategy<Vec<u8>>, mode| {
        let drawn = (0..500).map(|_| strategy.new_tree(&mut runner).unwrap().current());
        drawn.filter(|text| !text.is_empty() && parse(text, mode).is_some()).count()
    };
    let shares = [
        share(texts().boxed(), Mode::Compat),
        share(texts().boxed(), Mode::Strict),
        share(tiny_texts().boxed(), Mode::Compat),
        share(bent_texts().boxed(), Mode::Compat),
    ];
    assert!(shares.iter().all(|share| (100..450).contains(share)), "{shares:?}");
}

/// Large enough for every table, index, buffer and shortcut that small texts do without. `variant` makes one file of
/// many blocks another.
fn large_text(variant: u32) -> Vec<u8> {
    let mut lines = vec![". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:first".to_owned()];
    for stream in 0..40 {
        let block = |block: u32| format!("{:032x}+1000", (stream * 131 + block * 17) % 3000 + 1);
        let mut tokens = vec![format!("./directory\\040{}", stream * 7 % 40)];
        tokens.extend((0..90).map(block));
        tokens.push("acbd18db4cc2f85cedef654fccc4a4d8+3".to_owned());
        tokens.extend((0..150).flat_map(|file| {
            let (position, length) = (file * 499 % 85_000, file * 37 % 5000);
            let long = format!("{position}:{length}:a-rather-long-file-name-{}", file * 89 % 150);
            [long, format!("90000:3:sub/{}", file % 20)]
        }));
        // Tokens that cross many blocks, and each other.
        tokens.extend(
            ["0:90003:all", "10:89990:most", "5500:80000:most", "500:1000:few", "1500:88000:few"].map(str::to_owned),
        );
        lines.push(tokens.join(" "));
    }
    let blocks: Vec<String> = (0..400).map(|block| format!("{:032x}+9", block + variant * (block / 399))).collect();
    lines.push(format!("./long {} 0:3600:a 1:3599:b 0:1700:c 1700:1900:c", blocks.join(" ")));
    lines.push(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:last\n".to_owned());
    lines.join("\n").into_bytes()
}

#[test]
fn a_large_text_means_what_the_twin_says() {
    let text = large_text(0);
    assert!(text.len() > 1 << 18);
    check_reading(&text);
    check_writing(&text);
    check_pair(&text, &large_text(1));
}

#[test]
fn a_parser_forgets_a_large_text() {
    let mut parser = Parser::default();
    for text in [large_text(0), b". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n".to_vec(), large_text(1)] {
        let (again, fresh) = (parser.parse(text.clone().into(), Mode::Strict), Tree::parse(text.into(), Mode::Strict));
        let normal = |tree: Result<Tree, _>| Manifest::normal(Arc::new(tree.unwrap())).text().unwrap();
        assert!(normal(again) == normal(fresh));
    }
}
