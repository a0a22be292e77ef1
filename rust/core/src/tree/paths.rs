//! Paths as the object model reads them: followed, and made where something is missing.
//!
//! They may begin with `./`. Other than the paths of a manifest they have no empty component but one at the end, which
//! asks for a directory.

use super::{NodeKind, Tree};
use crate::error::Error;
use crate::ids::NodeId;
use crate::tree::find::PathError;

/// Why nothing is made at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MakeError {
    /// A file stands where a directory is needed, or a component is empty.
    NotADirectory,
    /// A component that is to be made is `.` or `..`.
    BadName,
    /// The tree has no room.
    Full(Error),
}

/// A path without `./` in front and a slash behind, and whether it had that slash. Empty for the directory itself.
fn trim(mut path: &[u8]) -> (&[u8], bool) {
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    match path {
        b"." => (b"", false),
        [rest @ .., b'/'] if !rest.is_empty() => (rest, true),
        _ => (path, false),
    }
}

impl Tree {
    /// Follows a path as far as there is something, and gives the rest of it.
    fn follow<'p>(&self, top: NodeId, path: &'p [u8]) -> Result<(NodeId, &'p [u8]), PathError> {
        let (mut node, mut rest) = (top, path);
        while !rest.is_empty() {
            let (name, tail) = match memchr::memchr(b'/', rest) {
                Some(0) => return Err(PathError::NotADirectory),
                Some(slash) => (&rest[..slash], &rest[slash + 1..]),
                None => (rest, &rest[rest.len()..]),
            };
            if self.kind(node) == NodeKind::File || (tail.is_empty() && name.len() < rest.len()) {
                return Err(PathError::NotADirectory);
            }
            match self.child(node, name) {
                Some(child) => (node, rest) = (child, tail),
                None => break,
            }
        }
        Ok((node, rest))
    }

    /// The node at a path from a directory, if there is one.
    ///
    /// # Errors
    /// `NotADirectory`.
    pub fn find(&self, top: NodeId, path: &[u8]) -> Result<Option<NodeId>, PathError> {
        let (path, wants_directory) = trim(path);
        match self.follow(top, path)? {
            (node, b"") if wants_directory && self.kind(node) == NodeKind::File => Err(PathError::NotADirectory),
            (node, b"") => Ok(Some(node)),
            _ => Ok(None),
        }
    }

    /// Makes a file or directory at a path from a directory, and the directories on the way, unless they are there.
    /// Gives the node at the path and those that were made, from top to bottom. A file that is asked for may turn out
    /// to be a directory.
    ///
    /// # Errors
    /// [`MakeError`]; nothing has been made then, unless the tree is full.
    ///
    /// ```
    /// use keepset_core::{NodeKind, Tree};
    /// let mut tree = Tree::default();
    /// let (file, made) = tree.make(Tree::ROOT, b"./a/b", NodeKind::File).unwrap();
    /// assert_eq!((tree.path(file), made.len()), (b"a/b".to_vec(), 2));
    /// ```
    pub fn make(&mut self, top: NodeId, path: &[u8], kind: NodeKind) -> Result<(NodeId, Vec<NodeId>), MakeError> {
        let (path, wants_directory) = trim(path);
        let kind = if wants_directory { NodeKind::Directory } else { kind };
        let (mut node, rest) = self.follow(top, path).map_err(|_| MakeError::NotADirectory)?;
        let mut made = Vec::new();
        if rest.is_empty() {
            let fits = kind == NodeKind::File || self.kind(node) == NodeKind::Directory;
            return if fits { Ok((node, made)) } else { Err(MakeError::NotADirectory) };
        }
        for name in rest.split(|byte| *byte == b'/') {
            match name {
                b"" => return Err(MakeError::NotADirectory),
                b"." | b".." => return Err(MakeError::BadName),
                _ => {}
            }
        }
        let mut names = rest.split(|byte| *byte == b'/').peekable();
        while let Some(name) = names.next() {
            let is_file = names.peek().is_none() && kind == NodeKind::File;
            let add = if is_file { Self::add_file } else { Self::add_directory };
            node = add(self, node, name).map_err(MakeError::Full)?;
            made.push(node);
        }
        Ok((node, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_made_leaves_nothing() {
        let mut tree = Tree::default();
        let (file, _) = tree.make(Tree::ROOT, b"d/f", NodeKind::File).unwrap();
        let before = tree.node_count();
        for path in [&b"/a"[..], b"/", b"a//b", b"a//", b"d/f/", b"d/f/x", b"d//"] {
            assert_eq!(tree.make(Tree::ROOT, path, NodeKind::File), Err(MakeError::NotADirectory), "{path:?}");
        }
        for path in [&b".."[..], b"new/..", b"new/./x", b"d/../x"] {
            assert_eq!(tree.make(Tree::ROOT, path, NodeKind::File), Err(MakeError::BadName), "{path:?}");
        }
        assert_eq!(tree.make(Tree::ROOT, b"d/f", NodeKind::Directory), Err(MakeError::NotADirectory));
        assert_eq!(tree.node_count(), before);
        assert_eq!(tree.make(Tree::ROOT, b"./d/f", NodeKind::File), Ok((file, vec![])));
        for path in [&b""[..], b".", b"./", b"././."] {
            assert_eq!(tree.find(Tree::ROOT, path), Ok(Some(Tree::ROOT)), "{path:?}");
        }
        assert_eq!(tree.find(Tree::ROOT, b"d/"), Ok(tree.child(Tree::ROOT, b"d")));
        assert_eq!(tree.find(Tree::ROOT, b"d/x/y"), Ok(None));
        assert_eq!(tree.find(Tree::ROOT, b"d/f/"), Err(PathError::NotADirectory));
    }
}
