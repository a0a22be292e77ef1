//! Histories of edits against a model: a map from path to the bytes of a file, each byte named by where it comes from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use keepset_core::ids::{Id, NodeId};
use keepset_core::tree::content::{Settlement, Source};
use keepset_core::tree::diff::is_same_tree;
use keepset_core::{Form, Manifest, Mode, NodeKind, Tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a byte comes from: digest or cell, and the place in it.
type Byte = (String, u64);

/// Files with their bytes; directories with `None`.
type Model = BTreeMap<String, Option<Vec<Byte>>>;

const BLOCKS: [&str; 2] = ["47bce5c74f589f4867dbd57e9ca9f808+6", "08f8e0260c64418510cefb2b06eee5cd+9"];

#[derive(Clone, Debug)]
enum Edit {
    AddFile(usize, usize),
    AddDirectory(usize, usize),
    Write { file: usize, start: usize, stored: bool, which: usize, offset: u32, length: u64 },
    Truncate(usize, u64),
    Remove(usize),
    Move { node: usize, parent: usize, name: usize },
    Copy { node: usize, parent: usize, name: usize },
    CopyFrom { node: usize, parent: usize, name: usize },
    Settle(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let number = || 0..1000_usize;
    let edit = prop_oneof![
        4 => (number(), number()).prop_map(|(parent, name)| Edit::AddFile(parent, name)),
        2 => (number(), number()).prop_map(|(parent, name)| Edit::AddDirectory(parent, name)),
        6 => (number(), number(), any::<bool>(), 0..2_usize, 0..6_u32, 0..6_u64).prop_map(
            |(file, start, stored, which, offset, length)| Edit::Write { file, start, stored, which, offset, length }
        ),
        1 => (number(), 0..20_u64).prop_map(|(file, size)| Edit::Truncate(file, size)),
        2 => number().prop_map(Edit::Remove),
        2 => (number(), number(), number()).prop_map(|(node, parent, name)| Edit::Move { node, parent, name }),
        2 => (number(), number(), number()).prop_map(|(node, parent, name)| Edit::Copy { node, parent, name }),
        1 => (number(), number(), number()).prop_map(|(node, parent, name)| Edit::CopyFrom { node, parent, name }),
        1 => number().prop_map(Edit::Settle),
    ];
    prop::collection::vec(edit, 1..60)
}

struct World {
    tree: Tree,
    other: Tree,
    model: Model,
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

impl World {
    fn new() -> Self {
        let text = format!(". {} {} 0:4:a 3:9:a0 0:15:a1\n./d {} 2:4:x\n", BLOCKS[0], BLOCKS[1], BLOCKS[1]);
        let tree = Tree::parse(text.into(), Mode::Strict).unwrap();
        let model = read(&tree);
        Self { other: tree.clone(), tree, model }
    }

    fn paths(&self, kind: Option<NodeKind>) -> Vec<String> {
        let is_kind = |value: &Option<Vec<Byte>>| match kind {
            None => true,
            Some(NodeKind::File) => value.is_some(),
            Some(NodeKind::Directory) => value.is_none(),
        };
        let root = (kind == Some(NodeKind::Directory)).then(String::new);
        root.into_iter().chain(self.model.iter().filter(|it| is_kind(it.1)).map(|it| it.0.clone())).collect()
    }

    fn pick(&self, index: usize, kind: Option<NodeKind>) -> Option<(String, NodeId)> {
        let paths = self.paths(kind);
        let path = paths.get(index % paths.len().max(1))?.clone();
        let node = self.tree.resolve(path.as_bytes()).unwrap();
        Some((path, node))
    }

    /// A directory, and a name that it does not have.
    fn place(&self, parent: usize, name: usize) -> Option<(String, NodeId, String)> {
        let (parent, node) = self.pick(parent, Some(NodeKind::Directory))?;
        // More than twelve names, so that directories are indexed, and few enough to collide.
        let name = format!("a{}", name % 20);
        (!self.model.contains_key(&join(&parent, &name))).then_some((parent, node, name))
    }

    fn below(&self, path: &str) -> Vec<(String, Option<Vec<Byte>>)> {
        let is_below = |it: &&String| it.as_str() == path || it.starts_with(&format!("{path}/"));
        self.model
            .iter()
            .filter(|it| is_below(&it.0))
            .map(|(key, value)| (key[path.len()..].to_owned(), value.clone()))
            .collect()
    }

    fn apply(&mut self, edit: &Edit) -> Option<()> {
        match *edit {
            Edit::AddFile(parent, name) => {
                let (path, parent, name) = self.place(parent, name)?;
                self.tree.add_file(parent, name.as_bytes()).unwrap();
                self.model.insert(join(&path, &name), Some(Vec::new()));
            }
            Edit::AddDirectory(parent, name) => {
                let (path, parent, name) = self.place(parent, name)?;
                self.tree.add_directory(parent, name.as_bytes()).unwrap();
                self.model.insert(join(&path, &name), None);
            }
            Edit::Write { file, start, stored, which, offset, length } => {
                let (path, node) = self.pick(file, Some(NodeKind::File))?;
                let bytes = self.model.get_mut(&path)?.as_mut()?;
                let start = start % (bytes.len() + 1);
                let (source, name, length) = if stored {
                    let size: u64 = BLOCKS[which][33..].parse().unwrap();
                    (
                        Source::Stored(BLOCKS[which].as_bytes()),
                        BLOCKS[which].to_owned(),
                        length.min(size - u64::from(offset)),
                    )
                } else {
                    (Source::Cell(which as u64), which.to_string(), length)
                };
                self.tree.write(node, start as u64, source, offset, length).unwrap();
                let new = (0..length).map(|at| (name.clone(), u64::from(offset) + at));
                let end = bytes.len().min(start + usize::try_from(length).unwrap());
                bytes.splice(start..end, new);
            }
            Edit::Truncate(file, size) => {
                let (path, node) = self.pick(file, Some(NodeKind::File))?;
                self.tree.truncate(node, size);
                self.model.get_mut(&path)?.as_mut()?.truncate(usize::try_from(size).unwrap());
            }
            Edit::Remove(node) => {
                let (path, node) = self.pick(node, None)?;
                self.tree.detach(node);
                for (tail, _) in self.below(&path) {
                    self.model.remove(&format!("{path}{tail}"));
                }
            }
            Edit::Move { node, parent, name } => {
                let (path, node) = self.pick(node, None)?;
                let (target, parent, name) = self.place(parent, name)?;
                if self.tree.is_at_or_below(parent, node) {
                    return None;
                }
                self.tree.detach(node);
                self.tree.attach(node, parent, name.as_bytes()).unwrap();
                for (tail, value) in self.below(&path) {
                    self.model.remove(&format!("{path}{tail}"));
                    self.model.insert(format!("{}{tail}", join(&target, &name)), value);
                }
            }
            Edit::Copy { node, parent, name } => {
                let (path, node) = self.pick(node, None)?;
                let (target, parent, name) = self.place(parent, name)?;
                self.tree.copy_within(node, parent, name.as_bytes()).unwrap();
                for (tail, value) in self.below(&path) {
                    self.model.insert(format!("{}{tail}", join(&target, &name)), value);
                }
            }
            Edit::CopyFrom { node, parent, name } => {
                let (target, parent, name) = self.place(parent, name)?;
                let nodes: Vec<NodeId> = self.other.descend(Tree::ROOT).collect();
                let node = *nodes.get(node % nodes.len().max(1))?;
                let path = String::from_utf8(self.other.path(node)).unwrap();
                self.tree.copy_from(&self.other, node, parent, name.as_bytes()).unwrap();
                for (source, value) in read(&self.other) {
                    if source == path || source.starts_with(&format!("{path}/")) {
                        self.model.insert(format!("{}{}", join(&target, &name), &source[path.len()..]), value);
                    }
                }
                self.other = self.tree.clone();
            }
            Edit::Settle(cell) => {
                let cell = cell as u64 % 2;
                let locator = format!("{cell:032x}+100");
                self.tree.settle(&[Settlement { cell, locator: locator.as_bytes(), offset: 50 }]).unwrap();
                for byte in self.model.values_mut().flatten().flatten() {
                    if byte.0 == cell.to_string() {
                        *byte = (locator.clone(), byte.1 + 50);
                    }
                }
            }
        }
        Some(())
    }
}

/// What a tree says.
fn read(tree: &Tree) -> Model {
    let mut model = Model::new();
    for node in tree.descend(Tree::ROOT) {
        let path = String::from_utf8(tree.path(node)).unwrap();
        assert_eq!(tree.resolve(path.as_bytes()), Ok(node));
        if tree.kind(node) == NodeKind::Directory {
            assert_eq!(tree.child_count(node) as usize, tree.children(node).count());
            model.insert(path, None);
            continue;
        }
        let mut bytes = Vec::new();
        for segment in tree.segments(node, 0..tree.file_size(node)) {
            let block = &tree.blocks()[tree.entry_block(segment.entry)];
            let name = match block.cell() {
                Some(cell) => cell.to_string(),
                None => format!("{:032x}+{}", u128::from_be_bytes(block.digest), block.size),
            };
            bytes.extend((0..u64::from(segment.length)).map(|at| (name.clone(), u64::from(segment.offset) + at)));
        }
        model.insert(path, Some(bytes));
    }
    model
}

proptest! {
    #[test]
    fn a_tree_does_what_the_model_does(edits in edits()) {
        let mut world = World::new();
        for edit in &edits {
            world.apply(edit);
            prop_assert_eq!(&read(&world.tree), &world.model, "{:?}", edit);
        }
        let names: Vec<_> = world.tree.descend_sorted(Tree::ROOT).collect();
        prop_assert_eq!(names.len(), world.model.len());
        // The normal form of what is stored is read back as the same tree.
        let mut stored = world.tree.clone();
        stored.drop_pending();
        let stored = Arc::new(stored);
        let manifest = Manifest::normal(Arc::clone(&stored));
        prop_assert_eq!(manifest.form(), Form::Normal);
        let again = Tree::parse(manifest.text().unwrap(), Mode::Strict).unwrap();
        prop_assert!(is_same_tree(&stored, &again));
        prop_assert!(Manifest::original(Arc::new(again)).is_normalized());
    }

    #[test]
    fn what_has_not_changed_is_committed(edits in edits()) {
        let mut world = World::new();
        world.tree.set_committed(Tree::ROOT);
        for edit in &edits {
            let before = read(&world.tree);
            let node = NodeId::from_index(1);
            world.apply(edit);
            let is_settle = matches!(edit, Edit::Settle(_));
            if !is_settle && before != read(&world.tree) {
                prop_assert!(!world.tree.is_committed(Tree::ROOT), "{:?}", edit);
            }
            world.tree.set_committed(node);
            prop_assert!(world.tree.is_committed(node));
        }
        world.tree.set_committed(Tree::ROOT);
        prop_assert!(world.tree.descend(Tree::ROOT).all(|node| world.tree.is_committed(node)));
    }
}

#[test]
fn a_long_directory_is_indexed_and_shrinks() {
    let mut tree = Tree::default();
    let files: Vec<NodeId> =
        (0..100).map(|number| tree.add_file(Tree::ROOT, format!("{number}").as_bytes()).unwrap()).collect();
    assert_eq!(tree.resolve(b"77"), Ok(files[77]));
    for (number, file) in files.iter().enumerate() {
        tree.detach(*file);
        assert!(tree.resolve(format!("{number}").as_bytes()).is_err());
        for (other, rest) in files.iter().enumerate().skip(number + 1) {
            assert_eq!(tree.resolve(format!("{other}").as_bytes()), Ok(*rest));
        }
    }
    assert_eq!(tree.child_count(Tree::ROOT), 0);
    let again = tree.add_file(Tree::ROOT, b"0").unwrap();
    assert_ne!(again, files[0]);
    assert_eq!(tree.file_size(files[0]), 0);
}
