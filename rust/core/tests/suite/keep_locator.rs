//! Locators as values: what is refused, and where; how they are written.

use keepset_core::keep_locator::{KeepLocator, KeepLocatorErrorKind};
use proptest::prelude::*;

const MD5: &str = "acbd18db4cc2f85cedef654fccc4a4d8";
const SIGNATURE: &str = "A0123456789abcdef0123456789abcdef01234567@6553f100";

fn problem(text: &str) -> (KeepLocatorErrorKind, usize) {
    let error = KeepLocator::parse(text).unwrap_err();
    (error.kind(), error.offset())
}

#[test]
fn each_error_says_where() {
    use KeepLocatorErrorKind::{Digest, Hint, Signature, Size, SizeTooLarge};
    assert_eq!(problem(""), (Digest, 0));
    assert_eq!(problem("é"), (Digest, 0));
    assert_eq!(problem(&MD5[1..]), (Digest, 31));
    assert_eq!(problem(&format!("{MD5}0+3")), (Digest, 32));
    assert_eq!(problem(&format!("{MD5} +3")), (Digest, 32));
    assert_eq!(problem(&format!("{MD5}\n")), (Digest, 32));
    assert_eq!(problem(&format!("{MD5}+")), (Size, 33));
    assert_eq!(problem(&format!("{MD5}++3")), (Size, 33));
    for size in ["-3", " 3", "3 ", "1_000", "0x3", "\u{663}", "3\n", "z"] {
        assert_eq!(problem(&format!("{MD5}+{size}")), (Size, 33), "{size}");
    }
    assert_eq!(problem(&format!("{MD5}+18446744073709551616")), (SizeTooLarge, 33));
    for hint in ["", "k", "3", "Z.", "Zé", "Z\n", "Z Z"] {
        assert_eq!(problem(&format!("{MD5}+3+{hint}")), (Hint, 35), "{hint}");
    }
    assert_eq!(problem(&format!("{MD5}+3+Z+32")), (Hint, 37));
    assert_eq!(problem(&format!("{MD5}+Z+32")), (Hint, 35));
    for hint in ["A", "A@", "Abc", &SIGNATURE[..49], &SIGNATURE[..42]] {
        let wrong = problem(&format!("{MD5}+3+{hint}0000000000"));
        assert_eq!(wrong, (Signature, 35), "{hint}");
    }
}

#[test]
fn hints_may_follow_the_digest() {
    let locator = KeepLocator::parse(&format!("{MD5}+Z+{SIGNATURE}")).unwrap();
    assert_eq!(locator.size(), None);
    assert_eq!(locator.stripped(), MD5);
    assert_eq!(locator.to_string(), format!("{MD5}+{SIGNATURE}+Z"));
}

#[test]
fn of_several_signatures_the_last_counts() {
    let other = SIGNATURE.replace("6553f100", "1");
    let locator = KeepLocator::parse(&format!("{MD5}+3+{SIGNATURE}+{other}")).unwrap();
    assert_eq!(locator.perm_expiry(), Some(1));
    assert_eq!(locator.hints().count(), 0);
}

proptest! {
    #[test]
    fn any_text_is_refused_or_written_in_a_stable_form(text in r"[0-9a-fA-F]{31,33}(\+[0-9]{0,21})?(\+[A-Za-z0-9@_\-+.]{0,9}){0,3}") {
        if let Ok(locator) = KeepLocator::parse(&text) {
            let again = KeepLocator::parse(locator.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), locator.as_str());
            prop_assert_eq!(again.hints().collect::<Vec<_>>(), locator.hints().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_parts_make_the_whole(
        size in proptest::option::of(any::<u64>()),
        expiry in proptest::option::of(any::<u32>()),
        hints in proptest::collection::vec("[B-Z][A-Za-z0-9@_-]{0,9}", 0..4),
    ) {
        let mut parts = vec![MD5.to_owned()];
        parts.extend(size.map(|size| size.to_string()));
        let stripped = parts.join("+");
        parts.extend(hints.iter().cloned());
        parts.extend(expiry.map(|expiry| format!("{}@{expiry:x}", &SIGNATURE[..41])));
        let text = parts.join("+");
        let locator = KeepLocator::parse(&text).unwrap();
        prop_assert_eq!(locator.md5sum(), MD5);
        prop_assert_eq!(locator.size(), size);
        prop_assert_eq!(locator.stripped(), stripped);
        prop_assert_eq!(locator.perm_expiry(), expiry);
        prop_assert_eq!(locator.perm_sig(), expiry.map(|_| &SIGNATURE[1..41]));
        prop_assert_eq!(locator.hints().collect::<Vec<_>>(), hints);
    }
}
