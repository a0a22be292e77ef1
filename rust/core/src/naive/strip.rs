//! The slow twin of [`crate::strip`].

use super::manifest::read_locator;

/// The locators behind the name of each stream are cut down to digest and size.
pub fn strip(text: &[u8]) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(strip_line).collect();
    lines.join(&b'\n')
}

fn strip_line(line: &[u8]) -> Vec<u8> {
    let mut tokens: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    // Spaces that are too many stand around tokens without bytes, and stay.
    let mut words = tokens.iter_mut().filter(|token| !token.is_empty()).skip(1);
    while let Some(token) = words.next()
        && let Some((_, hints)) = read_locator(token)
    {
        *token = &token[..token.len() - hints.len()];
    }
    tokens.join(&b' ')
}
