//! A tree under construction: the parser, unions and sub-trees add to one of these.
//!
//! The common case is made cheap: names of a directory arrive in ascending order, so that comparing with the greatest
//! one so far tells that a name is new. Only a name out of order is looked up, and only the directories in which that
//! happens are indexed.

use super::find::SMALL;
use super::names::{NameIndex, Names};
use super::order::{Order, is_utf8};
use super::{Directory, Kind, Node, Payload, Tree};
use crate::blocks::BlockInterner;
use crate::ids::{DirectoryId, EntryId, Id, IndexVec, NodeId};
use crate::lexer::{TokenFlags, is_equal};
use crate::pieces::Piece;
use crate::text::TextRange;
use bytes::Bytes;
use std::cmp::Ordering;
use std::sync::OnceLock;

/// A name that is about to be looked up or added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewName<'n> {
    pub(crate) bytes: &'n [u8],
    /// Where the bytes stand in the text; `None` if they must be copied to the side arena.
    pub(crate) range: Option<TextRange>,
    /// What the bytes are made of; `HIGH` if that is not known.
    pub(crate) flags: TokenFlags,
}

/// The node that has the name already, and is not of the kind that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clash(pub(crate) NodeId);

/// Columns that grow. Kept by a parser from one text to the next, for its allocations.
#[derive(Debug)]
pub(crate) struct TreeBuilder {
    pub(crate) arena: Vec<u8>,
    nodes: IndexVec<NodeId, Node>,
    directories: IndexVec<DirectoryId, Directory>,
    /// While `owners` is empty each file's pieces stand together and hold ends; afterwards pieces stand in order of
    /// arrival, hold lengths in `end`, and `owners` names the file of each.
    pieces: Vec<Piece>,
    owners: Vec<NodeId>,
    pub(crate) entries: IndexVec<EntryId, crate::ids::BlockId>,
    pub(crate) blocks: BlockInterner,
    /// The file that the last piece belongs to, and where that piece ends in all blocks laid end to end.
    last_file: NodeId,
    last_position: u64,
    /// The file that was asked for last.
    recent: NodeId,
    index: NameIndex,
    /// The last child of each directory that is in `index`; the children behind it are added when needed.
    indexed: Vec<NodeId>,
}

/// Up to this many nodes the columns are copied at their exact size and the allocations kept.
const SMALL_TREE: usize = 4096;

impl Default for TreeBuilder {
    fn default() -> Self {
        let mut builder = Self {
            arena: Vec::new(),
            nodes: IndexVec::default(),
            directories: IndexVec::default(),
            pieces: Vec::new(),
            owners: Vec::new(),
            entries: IndexVec::default(),
            blocks: BlockInterner::default(),
            last_file: NodeId::NONE,
            last_position: 0,
            recent: NodeId::NONE,
            index: NameIndex::default(),
            indexed: Vec::new(),
        };
        builder.reset();
        builder
    }
}

impl TreeBuilder {
    /// Starts again with nothing but a root.
    pub(crate) fn reset(&mut self) {
        self.arena.clear();
        self.nodes.as_vec_mut().clear();
        self.directories.as_vec_mut().clear();
        self.pieces.clear();
        self.owners.clear();
        self.entries.as_vec_mut().clear();
        self.blocks.clear();
        self.index.clear();
        self.indexed.clear();
        self.last_file = NodeId::NONE;
        self.recent = NodeId::NONE;
        let root = self.directories.push(Directory::EMPTY);
        self.nodes.push(Node {
            parent: NodeId::FIRST,
            name: TextRange::EMPTY,
            next: NodeId::NONE,
            previous: NodeId::NONE,
            payload: Payload::directory(root),
        });
    }

    /// Makes room for about this many files and blocks.
    pub(crate) fn reserve(&mut self, files: usize, blocks: usize) {
        self.nodes.as_vec_mut().reserve(files);
        self.pieces.reserve(files);
        self.entries.as_vec_mut().reserve(blocks);
        self.blocks.reserve(blocks);
    }

    #[inline]
    fn name<'t>(&'t self, text: &'t [u8], node: NodeId) -> &'t [u8] {
        self.nodes[node].name.of(text, &self.arena)
    }

    /// The path of a node, or the end of it, for messages: a text can have as many of them as it has tokens, each with
    /// a path as long as the text.
    pub(crate) fn shown_path(&self, text: &[u8], node: NodeId) -> String {
        const SHOWN: usize = 200;
        let mut names = Vec::new();
        let mut length = 0;
        let mut at = node;
        while at != Tree::ROOT {
            let name = self.name(text, at);
            length += name.len() + 1;
            if length > SHOWN {
                names.push(&name[name.len() - name.len().min(length - SHOWN)..]);
                names.push("…".as_bytes());
                break;
            }
            names.push(name);
            at = self.nodes[at].parent;
        }
        names.reverse();
        String::from_utf8_lossy(&names.join(&b'/')).into_owned()
    }

    #[inline]
    fn directory_id(&self, node: NodeId) -> DirectoryId {
        match self.nodes[node].payload.kind() {
            Kind::Directory(id) => id,
            _ => DirectoryId::NONE,
        }
    }

    /// The file of this name in a directory, which is added if it is new.
    #[inline]
    pub(crate) fn file(&mut self, text: &[u8], parent: NodeId, name: NewName<'_>) -> Result<NodeId, Clash> {
        let directory = self.directories[self.directory_id(parent)];
        if directory.order.has(Order::FILES) {
            let is_new = match directory.greatest_file.get() {
                None => true,
                Some(greatest) => match name.bytes.cmp(self.name(text, greatest)) {
                    Ordering::Equal => return Ok(greatest),
                    Ordering::Greater => true,
                    Ordering::Less => false,
                },
            };
            if is_new && self.is_no_directory(text, &directory, name.bytes) {
                return Ok(self.add(text, parent, name, Payload::file(0, 0)));
            }
        }
        let file = match self.find(text, parent, name.bytes) {
            Some(found) if self.nodes[found].payload.is_directory() => return Err(Clash(found)),
            Some(found) => found,
            None => self.add(text, parent, name, Payload::file(0, 0)),
        };
        self.recent = file;
        Ok(file)
    }

    /// The file that comes next if interleaved tokens come round in the same order again, and where its name ends, if
    /// that is the name that starts at `at` in the text.
    #[inline]
    pub(crate) fn guess(&mut self, text: &[u8], parent: NodeId, at: usize) -> Option<(NodeId, usize)> {
        if self.owners.is_empty() {
            return None;
        }
        let next = self.nodes[self.recent.get()?].next;
        let guess = next.get().or_else(|| self.directories[self.directory_id(parent)].first.get())?;
        let node = &self.nodes[guess];
        if node.parent != parent || node.payload.is_directory() {
            return None;
        }
        let end = at + node.name.len();
        let is_same = matches!(text.get(end), None | Some(b' ' | b'\n'))
            && text.get(at..end).zip(node.name.bounds_in_text()).is_some_and(|(it, name)| is_equal(it, &text[name]));
        is_same.then(|| {
            self.recent = guess;
            (guess, end)
        })
    }

    #[inline]
    fn is_no_directory(&self, text: &[u8], directory: &Directory, name: &[u8]) -> bool {
        match directory.greatest_subdirectory.get() {
            None => true,
            Some(greatest) => directory.order.has(Order::DIRECTORIES) && name > self.name(text, greatest),
        }
    }

    /// The subdirectory of this name, which is added if it is new.
    #[inline]
    pub(crate) fn subdirectory(&mut self, text: &[u8], parent: NodeId, name: NewName<'_>) -> Result<NodeId, Clash> {
        let directory = self.directories[self.directory_id(parent)];
        if directory.order.has(Order::DIRECTORIES) {
            let is_new = match directory.greatest_subdirectory.get() {
                None => true,
                Some(greatest) => match name.bytes.cmp(self.name(text, greatest)) {
                    Ordering::Equal => return Ok(greatest),
                    Ordering::Greater => true,
                    Ordering::Less => false,
                },
            };
            let is_no_file = match directory.greatest_file.get() {
                None => true,
                Some(greatest) => directory.order.has(Order::FILES) && name.bytes > self.name(text, greatest),
            };
            if is_new && is_no_file {
                return Ok(self.add_directory(text, parent, name));
            }
        }
        match self.find(text, parent, name.bytes) {
            Some(found) if self.nodes[found].payload.is_directory() => Ok(found),
            Some(found) => Err(Clash(found)),
            None => Ok(self.add_directory(text, parent, name)),
        }
    }

    fn add_directory(&mut self, text: &[u8], parent: NodeId, name: NewName<'_>) -> NodeId {
        let id = self.directories.push(Directory::EMPTY);
        self.add(text, parent, name, Payload::directory(id))
    }

    /// Any child of this name.
    fn find(&mut self, text: &[u8], parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let id = self.directory_id(parent);
        let directory = &self.directories[id];
        if directory.count <= SMALL {
            let mut next = directory.first;
            while let Some(child) = next.get() {
                if is_equal(self.name(text, child), name) {
                    return Some(child);
                }
                next = self.nodes[child].next;
            }
            return None;
        }
        self.index_new_children(text, parent, id);
        let hash = self.index.hash(parent, name);
        self.index.find(hash, |node| self.nodes[node].parent == parent && is_equal(self.name(text, node), name))
    }

    fn index_new_children(&mut self, text: &[u8], parent: NodeId, id: DirectoryId) {
        if self.indexed.len() <= id.index() {
            self.indexed.resize(self.directories.len(), NodeId::NONE);
        }
        let mut next = match self.indexed[id.index()].get() {
            None => {
                self.index.reserve(self.directories[id].count as usize);
                self.directories[id].first
            }
            Some(last) => self.nodes[last].next,
        };
        while let Some(child) = next.get() {
            let node = &self.nodes[child];
            self.index.insert(self.index.hash(parent, node.name.of(text, &self.arena)), child);
            next = node.next;
        }
        self.indexed[id.index()] = self.directories[id].last;
    }

    fn add(&mut self, text: &[u8], parent: NodeId, name: NewName<'_>, payload: Payload) -> NodeId {
        let range = name.range.unwrap_or_else(|| {
            let start = self.arena.len();
            self.arena.extend_from_slice(name.bytes);
            TextRange::in_arena(start, self.arena.len())
        });
        let id = self.nodes.push(Node { parent, name: range, next: NodeId::NONE, previous: NodeId::NONE, payload });
        let directory = self.directory_id(parent);
        let arena = &self.arena;
        link(&mut self.nodes, &mut self.directories[directory], id, name, |range| range.of(text, arena));
        id
    }

    /// Appends bytes to a file: `length` of them from `offset` in the block at `entry` on. `position` is that place in
    /// all blocks laid end to end.
    #[inline]
    pub(crate) fn append(&mut self, file: NodeId, entry: EntryId, offset: u32, position: u64, length: u64) {
        if length == 0 {
            return;
        }
        let Kind::File { first, count } = self.nodes[file].payload.kind() else {
            return;
        };
        let mut end = length;
        let continues_last = file == self.last_file;
        if continues_last
            && position == self.last_position
            && let Some(last) = self.pieces.last_mut()
        {
            last.end += length;
            self.last_position += length;
            return;
        }
        if self.owners.is_empty() {
            if continues_last {
                end += self.pieces.last().map_or(0, |last| last.end);
            } else if count > 0 {
                self.scatter();
            }
        }
        if !self.owners.is_empty() {
            self.owners.push(file);
        }
        let first = if count == 0 { self.pieces.len() as u64 } else { u64::from(first) };
        #[expect(clippy::cast_possible_truncation, reason = "a text has fewer tokens than u32::MAX")]
        let payload = Payload::file(first as u32, count + 1);
        self.nodes[file].payload = payload;
        self.pieces.push(Piece { entry, offset, end });
        self.last_file = file;
        self.last_position = position + length;
    }

    /// Goes over to pieces in order of arrival: a file that is not the last one gets more.
    fn scatter(&mut self) {
        self.owners.resize(self.pieces.len(), NodeId::NONE);
        for (file, node) in self.nodes.ids().zip(self.nodes.iter()) {
            let Kind::File { first, count } = node.payload.kind() else {
                continue;
            };
            let own = first as usize..first as usize + count as usize;
            self.owners[own.clone()].fill(file);
            let mut start = 0;
            for piece in &mut self.pieces[own] {
                let end = piece.end;
                piece.end -= start;
                start = end;
            }
        }
    }

    /// Puts each file's pieces together again, in order of arrival, and makes lengths ends.
    fn gather(&mut self) {
        let mut places: Vec<u32> = Vec::with_capacity(self.nodes.len());
        let mut place = 0;
        for node in self.nodes.iter_mut() {
            places.push(place);
            if let Kind::File { count, .. } = node.payload.kind() {
                node.payload = Payload::file(place, count);
                place += count;
            }
        }
        let mut gathered = vec![Piece { entry: EntryId::NONE, offset: 0, end: 0 }; self.pieces.len()];
        for (piece, owner) in self.pieces.iter().zip(&self.owners) {
            let place = &mut places[owner.index()];
            let at = *place as usize;
            let first = match self.nodes[*owner].payload.kind() {
                Kind::File { first, .. } => first as usize,
                _ => at,
            };
            let start = if at > first { gathered[at - 1].end } else { 0 };
            gathered[at] = Piece { end: start + piece.end, ..*piece };
            *place += 1;
        }
        self.pieces = gathered;
        self.owners.clear();
    }

    /// The tree, with names and hints in this text. The builder is left as after [`Self::reset`].
    pub(crate) fn finish(&mut self, text: Bytes, streams: u32) -> Tree {
        if !self.owners.is_empty() {
            self.gather();
        }
        let keep = self.nodes.len() <= SMALL_TREE;
        let tree = Tree {
            text,
            arena: take(&mut self.arena, keep),
            nodes: take(self.nodes.as_vec_mut(), keep).into(),
            directories: take(self.directories.as_vec_mut(), keep).into(),
            pieces: take(&mut self.pieces, keep),
            edited: Vec::new(),
            entries: take(self.entries.as_vec_mut(), keep).into(),
            blocks: take(self.blocks.blocks.as_vec_mut(), keep).into(),
            streams,
            entry_starts: OnceLock::new(),
            entry_prints: OnceLock::new(),
            names: Names::default(),
            edits: None,
        };
        if !keep {
            self.blocks = BlockInterner::default();
            self.owners = Vec::new();
            self.indexed = Vec::new();
        }
        self.reset();
        tree
    }
}

/// Puts a node behind the other children of its parent's directory. `bytes_of` reads the range of a name.
#[inline]
pub(crate) fn link<'t>(
    nodes: &mut [Node],
    directory: &mut Directory,
    id: NodeId,
    name: NewName<'_>,
    bytes_of: impl Fn(TextRange) -> &'t [u8],
) {
    nodes[id.index()].previous = directory.last;
    match directory.last.get() {
        Some(last) => nodes[last.index()].next = id,
        None => directory.first = id,
    }
    directory.last = id;
    directory.count += 1;
    let (greatest, flag) = if nodes[id.index()].payload.is_directory() {
        (&mut directory.greatest_subdirectory, Order::DIRECTORIES)
    } else {
        (&mut directory.greatest_file, Order::FILES)
    };
    if directory.order.has(flag) {
        if greatest.get().is_none_or(|greatest| name.bytes > bytes_of(nodes[greatest.index()].name)) {
            *greatest = id;
        } else {
            directory.order.unset(flag);
        }
    }
    if !is_utf8(name.bytes, name.flags) {
        directory.order.set(Order::NOT_UTF8);
    }
}

/// The items at their exact size.
fn take<T: Copy>(items: &mut Vec<T>, keep: bool) -> Vec<T> {
    if keep {
        return items.clone();
    }
    let mut taken = std::mem::take(items);
    taken.shrink_to_fit();
    taken
}
