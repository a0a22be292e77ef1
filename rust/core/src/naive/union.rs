//! The slow twin of [`crate::union`](mod@crate::union).

use super::manifest::{Manifest, require};
use crate::union::OnConflict;

/// Twin of [`crate::union::union`].
pub fn union(manifests: &[&Manifest], on_conflict: OnConflict) -> Option<Manifest> {
    let mut union = Manifest::default();
    for manifest in manifests {
        for (block, all_hints) in &manifest.blocks {
            for hints in all_hints {
                union.add_block(block, hints);
            }
        }
        for directory in &manifest.tree.directories {
            union.tree.add_directory(directory)?;
        }
        for (path, spans) in &manifest.tree.files {
            match union.tree.files.get(path) {
                Some(known) if on_conflict == OnConflict::Error => require(known == spans)?,
                _ => union.tree.append(path, spans)?,
            }
        }
    }
    Some(union)
}
