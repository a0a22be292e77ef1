//! Bringing what is in another directory to a tree: directories are joined, files of one name clash.
//!
//! Where [`super::merge`] knows what both sides began with, this does not: nothing is ever removed.

use super::Tree;
use super::merge::{Done, Edit, Item, MergeError};
use crate::ids::NodeId;

/// What happens where both have a name, and not the same file or two directories by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnClash {
    /// Nothing is changed at all.
    Refuse,
    /// What is here stays, and the other is left out.
    Ours,
    /// The other takes its place.
    Theirs,
    /// The other gets a free name: `name~2.txt` beside `name.txt`.
    Rename,
    /// The bytes of the other file come behind those of the file here. A file and a directory are refused.
    Concatenate,
}

impl Tree {
    /// Puts all that is in a directory of another tree into a directory. With bytes in memory, `seen` is for this tree
    /// what it is for an [`Item`].
    ///
    /// # Errors
    /// `Refused`, with the paths from that directory, or `Full`.
    ///
    /// ```
    /// use keepset_core::tree::join::OnClash;
    /// use keepset_core::tree::merge::Item;
    /// use keepset_core::{Mode, Tree};
    /// let parse = |text: &str| Tree::parse(text.to_owned().into(), Mode::Strict);
    /// let mut tree = parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n")?;
    /// let other = parse("./d 37b51d194a7513e45b56f6524f2d51f2+3 0:3:a 0:3:b\n")?;
    /// tree.join(None, Tree::ROOT, Item::new(&other, Tree::ROOT), OnClash::Rename).unwrap();
    /// assert!(tree.resolve(b"d/a~2").is_ok() && tree.resolve(b"d/b").is_ok());
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn join(
        &mut self,
        seen: Option<&Self>,
        top: NodeId,
        other: Item<'_>,
        on_clash: OnClash,
    ) -> Result<Vec<Done>, MergeError> {
        let planned = self.plan_join(seen.unwrap_or(self), top, other, on_clash).map_err(MergeError::Refused)?;
        let mut done = Vec::new();
        for (theirs, edit) in planned {
            let edit = match edit {
                Edit::Put { path, over: None } => Edit::Put { path: self.free_path(top, &path), over: None },
                edit => edit,
            };
            self.perform(top, Some(theirs), edit, &mut done)?;
        }
        Ok(done)
    }

    /// What [`Tree::join`] is to do, each with what it takes from the other tree; the paths that clash if they are
    /// refused.
    fn plan_join<'t>(
        &self,
        seen: &Self,
        top: NodeId,
        other: Item<'t>,
        on_clash: OnClash,
    ) -> Result<Vec<(Item<'t>, Edit)>, Vec<Vec<u8>>> {
        let mut refused = Vec::new();
        let mut planned = Vec::new();
        let mut open = vec![(top, other.node, Vec::new())];
        while let Some((directory, their_directory, prefix)) = open.pop() {
            for node in other.tree.children(their_directory) {
                let theirs = Item { node, ..other };
                let path = [&prefix, other.tree.name(node)].concat();
                let here = self.child(directory, other.tree.name(node)).map(|node| Item { tree: self, seen, node });
                match here {
                    Some(here) if !(here.is_file() || theirs.is_file()) => {
                        open.push((here.node, node, [&path[..], b"/"].concat()));
                    }
                    Some(here) => match clash(here, theirs, &path, on_clash) {
                        Ok(edit) => planned.extend(edit.map(|edit| (theirs, edit))),
                        Err(()) => refused.push(path),
                    },
                    None => planned.push((theirs, Edit::Put { path, over: None })),
                }
            }
        }
        if refused.is_empty() { Ok(planned) } else { Err(refused) }
    }

    /// The path, or the first one with a number before the ending that is free.
    fn free_path(&self, top: NodeId, path: &[u8]) -> Vec<u8> {
        let name = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        let end = memchr::memrchr(b'.', &path[name..]).filter(|dot| *dot > 0).map_or(path.len(), |dot| name + dot);
        let mut candidate = path.to_vec();
        let mut number = 2;
        while self.find(top, &candidate) != Ok(None) {
            candidate = [&path[..end], format!("~{number}").as_bytes(), &path[end..]].concat();
            number += 1;
        }
        candidate
    }
}

/// What is done where both have a name; an error if it is refused.
fn clash(here: Item<'_>, theirs: Item<'_>, path: &[u8], on_clash: OnClash) -> Result<Option<Edit>, ()> {
    let are_files = here.is_file() && theirs.is_file();
    match on_clash {
        OnClash::Concatenate if are_files => {
            Ok((theirs.tree.file_size(theirs.node) > 0).then_some(Edit::Append(here.node)))
        }
        _ if are_files && here.is_same(theirs) => Ok(Some(Edit::Renew(here.node))),
        OnClash::Refuse | OnClash::Concatenate => Err(()),
        OnClash::Ours => Ok(None),
        OnClash::Theirs if are_files => Ok(Some(Edit::Replace(here.node))),
        OnClash::Theirs => Ok(Some(Edit::Put { path: path.to_vec(), over: Some(here.node) })),
        OnClash::Rename => Ok(Some(Edit::Put { path: path.to_vec(), over: None })),
    }
}
