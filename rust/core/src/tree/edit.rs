//! Editing a tree: adding, removing and moving nodes.
//!
//! Ids are stable and never used again. A node that is [detached](Tree::detach) is no longer part of the tree, but can
//! be read, written and attached again by its id, as an open file that was removed can on POSIX.
//!
//! Names given here are one component: not empty, not `.` or `..`, without a slash. Callers see to that.

use super::build::{NewName, link};
use super::{Directory, Node, NodeKind, Payload, Tree};
use crate::blocks::{Block, rank};
use crate::error::{Error, ErrorKind};
use crate::ids::{BlockId, EntryId, IdSet, NodeId};
use crate::lexer::TokenFlags;
use crate::text::{MAX_TEXT, TextRange};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// What only a tree that is edited needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {
    /// The blocks by digest and size. Made when a block is first brought in.
    blocks: Option<HashMap<([u8; 16], u32), BlockId, RandomState>>,
    /// An entry at which each block stands that was brought in by an edit.
    entries: HashMap<BlockId, EntryId, RandomState>,
    /// The entry of each cell whose bytes are still in memory.
    pub(crate) pending: HashMap<u64, EntryId, RandomState>,
    /// The nodes that have changed since they were saved. Invariant: with a node, all directories above it.
    uncommitted: IdSet<NodeId>,
}

/// That an edit would make the tree larger than the engine addresses.
pub(crate) fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, 0, 0)
}

impl Tree {
    /// What only an edited tree needs, made on the first edit.
    pub(crate) fn edits(&mut self) -> &mut Edits {
        self.edits.get_or_insert_default()
    }

    fn block_ids(&mut self) -> &mut HashMap<([u8; 16], u32), BlockId, RandomState> {
        let blocks = &self.blocks;
        self.edits
            .get_or_insert_default()
            .blocks
            .get_or_insert_with(|| blocks.ids().map(|id| ((blocks[id].digest, blocks[id].size), id)).collect())
    }

    /// Copies bytes to the side arena.
    pub(crate) fn keep_bytes(&mut self, bytes: &[u8]) -> Result<TextRange, Error> {
        let start = self.arena.len();
        if start + bytes.len() > MAX_TEXT {
            return Err(too_large());
        }
        self.arena.extend_from_slice(bytes);
        Ok(TextRange::in_arena(start, self.arena.len()))
    }

    /// Adds an empty file.
    ///
    /// # Errors
    /// `TooLarge`.
    ///
    /// ```
    /// use keepset_core::Tree;
    /// let mut tree = Tree::default();
    /// let directory = tree.add_directory(Tree::ROOT, b"d")?;
    /// let file = tree.add_file(directory, b"f")?;
    /// assert_eq!(tree.resolve(b"d/f"), Ok(file));
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn add_file(&mut self, parent: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        self.add_node(parent, name, Payload::file(0, 0))
    }

    /// Adds an empty directory.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn add_directory(&mut self, parent: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        let id = self.directories.push(Directory::EMPTY);
        self.add_node(parent, name, Payload::directory(id))
    }

    /// Makes an empty file or directory that is detached.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn create(&mut self, kind: NodeKind, name: &[u8]) -> Result<NodeId, Error> {
        let payload = match kind {
            NodeKind::File => Payload::file(0, 0),
            NodeKind::Directory => Payload::directory(self.directories.push(Directory::EMPTY)),
        };
        let name = self.keep_bytes(name)?;
        self.create_node(name, payload)
    }

    fn create_node(&mut self, name: TextRange, payload: Payload) -> Result<NodeId, Error> {
        if self.nodes.len() >= MAX_TEXT {
            return Err(too_large());
        }
        let none = NodeId::NONE;
        Ok(self.nodes.push(Node { parent: none, name, next: none, previous: none, payload }))
    }

    pub(crate) fn add_node(&mut self, parent: NodeId, name: &[u8], payload: Payload) -> Result<NodeId, Error> {
        let id = self.create_node(TextRange::EMPTY, payload)?;
        self.attach(id, parent, name)?;
        Ok(id)
    }

    /// Makes a detached node a child of a directory, behind its other children. None of those has the name.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn attach(&mut self, node: NodeId, parent: NodeId, name: &[u8]) -> Result<(), Error> {
        debug_assert!(self.child(parent, name).is_none());
        let super::Kind::Directory(id) = self.nodes[parent].payload.kind() else {
            return Ok(());
        };
        let range = self.keep_bytes(name)?;
        self.nodes[node].parent = parent;
        self.nodes[node].name = range;
        let Self { nodes, directories, names, text, arena, .. } = self;
        let new = NewName { bytes: name, range: Some(range), flags: TokenFlags::HIGH };
        link(nodes, &mut directories[id], node, new, |range| range.of(text, arena));
        names.add(parent, name, node);
        self.set_uncommitted(node);
        Ok(())
    }

    /// Takes a node, with all below it, out of its directory.
    ///
    /// ```
    /// use keepset_core::{Mode, Tree};
    /// let mut tree = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n".into(), Mode::Strict)?;
    /// let file = tree.resolve(b"a").unwrap();
    /// tree.detach(file);
    /// assert!(tree.resolve(b"a").is_err());
    /// assert_eq!(tree.file_size(file), 3);
    /// tree.attach(file, Tree::ROOT, b"b")?;
    /// assert_eq!(tree.resolve(b"b"), Ok(file));
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn detach(&mut self, node: NodeId) {
        let Node { parent, previous, next, .. } = self.nodes[node];
        let Some(super::Kind::Directory(id)) = parent.get().map(|parent| self.nodes[parent].payload.kind()) else {
            return;
        };
        self.set_uncommitted(parent);
        self.names.remove(parent, self.nodes[node].name.of(&self.text, &self.arena), node);
        match previous.get() {
            Some(previous) => self.nodes[previous].next = next,
            None => self.directories[id].first = next,
        }
        match next.get() {
            Some(next) => self.nodes[next].previous = previous,
            None => self.directories[id].last = previous,
        }
        let kind = self.kind(node);
        let before = std::iter::successors(previous.get(), |node| self.nodes[*node].previous.get());
        let greatest = before.clone().find(|node| self.kind(*node) == kind).unwrap_or(NodeId::NONE);
        let directory = &mut self.directories[id];
        directory.count -= 1;
        for of_kind in [&mut directory.greatest_file, &mut directory.greatest_subdirectory] {
            if *of_kind == node {
                *of_kind = greatest;
            }
        }
        if directory.count == 0 {
            *directory = Directory::EMPTY;
        }
        let node = &mut self.nodes[node];
        (node.parent, node.next, node.previous) = (NodeId::NONE, NodeId::NONE, NodeId::NONE);
    }

    /// Whether a node is a directory or somewhere below it.
    pub fn is_at_or_below(&self, node: NodeId, directory: NodeId) -> bool {
        let mut at = node;
        while at != directory {
            let parent = self.nodes[at].parent;
            if at == Self::ROOT || parent == NodeId::NONE {
                return false;
            }
            at = parent;
        }
        true
    }

    /// The id of a block, which is added if it is new. Of two sets of hints the better one is kept, or the new one if it
    /// `is_ours`: what our own writing gave us is known to be good.
    pub(crate) fn intern_block(&mut self, block: Block, hints: &[u8], is_ours: bool) -> Result<BlockId, Error> {
        let key = (block.digest, block.size);
        if let Some(id) = self.block_ids().get(&key).copied() {
            self.offer_hints(id, hints, is_ours)?;
            return Ok(id);
        }
        if self.blocks.len() >= MAX_TEXT {
            return Err(too_large());
        }
        let hints = if hints.is_empty() { TextRange::EMPTY } else { self.keep_bytes(hints)? };
        let id = self.blocks.push(Block { hints, ..block });
        self.block_ids().insert(key, id);
        Ok(id)
    }

    /// Takes hints for a block if they are better than those it has, and returns whether they are.
    fn offer_hints(&mut self, id: BlockId, hints: &[u8], is_ours: bool) -> Result<bool, Error> {
        let known = self.hints(&self.blocks[id]);
        let is_better = known != hints && !hints.is_empty() && (is_ours || rank(hints) > rank(known));
        if is_better {
            self.blocks[id].hints = self.keep_bytes(hints)?;
        }
        Ok(is_better)
    }

    /// Takes the hints that a block has in another tree, if this one has the block and they are better.
    pub(super) fn renew_block(&mut self, block: &Block, other: &Self) -> Result<bool, Error> {
        let hints = other.hints(block);
        if hints.is_empty() {
            return Ok(false);
        }
        match self.block_ids().get(&(block.digest, block.size)).copied() {
            Some(id) => self.offer_hints(id, hints, false),
            None => Ok(false),
        }
    }

    /// Puts a block behind all entries.
    pub(crate) fn push_entry(&mut self, block: BlockId) -> Result<EntryId, Error> {
        if self.entries.len() >= MAX_TEXT {
            return Err(too_large());
        }
        let size = u64::from(self.blocks[block].size);
        if let Some(starts) = self.entry_starts.get_mut() {
            starts.push(starts.last().copied().unwrap_or_default() + size);
        }
        self.entry_prints.take();
        Ok(self.entries.push(block))
    }

    /// An entry at which a block stands.
    pub(crate) fn entry_of(&mut self, block: BlockId) -> Result<EntryId, Error> {
        if let Some(entry) = self.edits().entries.get(&block) {
            return Ok(*entry);
        }
        let entry = self.push_entry(block)?;
        self.edits().entries.insert(block, entry);
        Ok(entry)
    }

    /// Notes that a node has changed since it was saved, and with it the directories above it.
    pub fn set_uncommitted(&mut self, node: NodeId) {
        let mut at = node;
        while at != NodeId::NONE && self.edits().uncommitted.insert(at) && at != Self::ROOT {
            at = self.nodes[at].parent;
        }
    }

    /// Notes that a node and all below it are as they were saved.
    pub fn set_committed(&mut self, node: NodeId) {
        if node == Self::ROOT {
            self.edits().uncommitted.clear();
            return;
        }
        let mut uncommitted = std::mem::take(&mut self.edits().uncommitted);
        uncommitted.retain(|changed| !self.is_at_or_below(changed, node));
        self.edits().uncommitted = uncommitted;
    }

    /// Whether a node, and all below it, is as it was saved.
    pub fn is_committed(&self, node: NodeId) -> bool {
        self.edits.as_ref().is_none_or(|edits| !edits.uncommitted.contains(node))
    }

    /// Whether a node is part of the tree: not detached, nor below a detached one.
    pub fn is_attached(&self, node: NodeId) -> bool {
        self.is_at_or_below(node, Self::ROOT)
    }
}
