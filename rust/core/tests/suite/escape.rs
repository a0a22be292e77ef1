//! Escapes and the order of names beside their twins.

use crate::strategies::{bytes_like, names};
use keepset_core::tree::order::compare_names;
use keepset_core::{escape, naive};
use proptest::prelude::*;

fn check(name: &[u8]) {
    assert_eq!(&*escape::escape(name), naive::escape::escape(name));
    assert_eq!(escape::is_plain(name), naive::escape::escape(name) == name);
    assert_eq!(&*escape::unescape(name), naive::escape::unescape(name));
    assert_eq!(escape::has_only_good_escapes(name), naive::escape::has_only_good_escapes(name));
    assert_eq!(naive::escape::unescape(&naive::escape::escape(name)), name);
}

proptest! {
    #[test]
    fn names_agree(name in names()) {
        check(&name);
    }

    #[test]
    fn bytes_agree(name: Vec<u8>) {
        check(&name);
    }

    #[test]
    fn almost_escapes_agree(name in bytes_like(b"\\\\\\01234567", 1..20)) {
        check(&name);
    }

    #[test]
    fn the_order_is_that_of_the_code_points(left in names(), right in names()) {
        let order = naive::escape::order;
        prop_assert_eq!(compare_names(&left, &right), order(&left).cmp(&order(&right)));
    }
}
