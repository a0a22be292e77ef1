//! The text as it stands, without hints: what the server hashes for the portable data hash.

use crate::lexer::scan_token;
use crate::locator::read_head;

/// Gives the text without the hints of its locators to `sink`, in order, in pieces of any length. Nothing else changes:
/// not the order, not the spaces, not the digits of a size.
///
/// ```
/// let mut stripped = Vec::new();
/// let text = b". acbd18db4cc2f85cedef654fccc4a4d8+003+K@xyzzy 0:3:a+Z\n";
/// keepset_core::strip::strip(text, |piece| stripped.extend_from_slice(piece));
/// assert_eq!(stripped, b". acbd18db4cc2f85cedef654fccc4a4d8+003 0:3:a+Z\n");
/// ```
pub fn strip(text: &[u8], mut sink: impl FnMut(&[u8])) {
    let mut kept = 0;
    let mut at = 0;
    while at < text.len() {
        at = skip_spaces(text, at);
        at = scan_token(text, at).end;
        loop {
            at = skip_spaces(text, at);
            let Ok(head) = read_head(text, at) else { break };
            at = head.end;
            if text.get(at) == Some(&b'+') {
                sink(&text[kept..at]);
                at = scan_token(text, at).end;
                kept = at;
            }
        }
        at = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
    }
    sink(&text[kept..]);
}

fn skip_spaces(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| **byte == b' ').count()
}
