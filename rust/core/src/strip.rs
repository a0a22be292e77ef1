//! The text as it stands, without hints: what the server hashes for the portable data hash.

use crate::lexer::{scan_hints, scan_token};
use crate::locator::read_head;
use crate::output::Output;

/// Writes the text without the hints of its locators. Nothing else changes: not the order, not the spaces, not the
/// digits of a size.
pub(crate) fn strip<O: Output>(text: &[u8], out: &mut O) {
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
                out.bytes(&text[kept..at]);
                at = scan_hints(text, at).end;
                kept = at;
            }
        }
        at = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
        if !out.goes_on() {
            return;
        }
    }
    out.bytes(&text[kept..]);
}

fn skip_spaces(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| **byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hints_go() {
        let mut stripped = Vec::new();
        strip(b". acbd18db4cc2f85cedef654fccc4a4d8+003+K@xyzzy  0:3:a+Z\n", &mut stripped);
        assert_eq!(stripped, b". acbd18db4cc2f85cedef654fccc4a4d8+003  0:3:a+Z\n");
    }
}
