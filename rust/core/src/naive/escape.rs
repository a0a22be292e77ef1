//! The slow twin of [`crate::escape`], and of the order of names in [`crate::tree::order`].

/// A name as Python shows it: code points with the bytes of each. A byte that is not part of valid UTF-8 is a code
/// point of its own, U+DC00 and more.
pub fn code_points(name: &[u8]) -> Vec<(u32, &[u8])> {
    let mut points = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let character = (1..=rest.len().min(4)).find_map(|length| {
            let text = std::str::from_utf8(&rest[..length]).ok()?;
            text.chars().next()
        });
        let (point, length) = match character {
            Some(character) => (u32::from(character), character.len_utf8()),
            None => (0xdc00 + u32::from(rest[0]), 1),
        };
        points.push((point, &rest[..length]));
        rest = &rest[length..];
    }
    points
}

/// What to sort a name by. Twin of [`crate::tree::order::compare_names`].
pub fn order(name: &[u8]) -> Vec<u32> {
    code_points(name).iter().map(|(point, _)| *point).collect()
}

/// Twin of [`crate::escape::escape`].
pub fn escape(name: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (point, bytes) in code_points(name) {
        match point {
            0..=0x20 | 0x3a | 0x5c | 0xdc80..=0xdcff => written.extend(format!("\\{:03o}", bytes[0]).bytes()),
            _ => written.extend(bytes),
        }
    }
    written
}

/// The byte that an escape at the start stands for.
fn leading_escape(written: &[u8]) -> Option<u8> {
    let digits = written.strip_prefix(b"\\")?.get(..3)?;
    let is_octal = digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    // Rust's parser would take a sign.
    is_octal.then(|| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok())?
}

/// Twin of [`crate::escape::unescape`].
pub fn unescape(written: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let mut at = 0;
    while at < written.len() {
        if let Some(byte) = leading_escape(&written[at..]) {
            name.push(byte);
            at += 4;
        } else {
            name.push(written[at]);
            at += 1;
        }
    }
    name
}

/// Twin of [`crate::escape::has_only_good_escapes`].
pub fn has_only_good_escapes(written: &[u8]) -> bool {
    // An escape has no second backslash, so each backslash must start one.
    (0..written.len()).all(|at| written[at] != b'\\' || leading_escape(&written[at..]).is_some())
}
