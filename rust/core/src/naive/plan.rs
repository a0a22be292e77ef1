//! The slow twin of [`crate::plan`](mod@crate::plan), and the server that a plan is for.

use super::manifest::{Tree, require, split};
use std::collections::{BTreeMap, BTreeSet};

/// Where the server takes a target from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// From nowhere: the target is removed.
    Nothing,
    /// From the text that is sent, where it has the path of the target.
    Text,
    /// From a path of a tree: 0 is the base, the others follow.
    Tree(usize, Vec<u8>),
}

/// Sources by target.
pub type Targets = BTreeMap<Vec<u8>, Source>;

/// Whether a path is `top`, or leads through it.
pub fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    top.is_empty() || path == top || (path.starts_with(top) && path[top.len()] == b'/')
}

/// What is at and below a path, with `to` in its place.
fn moved(tree: &Tree, from: &[u8], to: &[u8]) -> Tree {
    let rename = |path: &Vec<u8>| -> Vec<u8> {
        let rest = path[from.len()..].strip_prefix(b"/").unwrap_or(&path[from.len()..]);
        [to, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b'/')
    };
    let files = tree.files.iter().filter(|(path, _)| is_at_or_below(path, from));
    let directories = tree.directories.iter().filter(|path| is_at_or_below(path, from));
    Tree {
        files: files.map(|(path, spans)| (rename(path), spans.clone())).collect(),
        directories: directories.map(rename).collect(),
    }
}

fn has(tree: &Tree, path: &[u8]) -> bool {
    path.is_empty() || tree.files.contains_key(path) || tree.directories.contains(path)
}

/// Whether two paths lead to the same bytes, or to directories with the same bytes at the same paths.
pub fn is_same(left: &Tree, left_path: &[u8], right: &Tree, right_path: &[u8]) -> bool {
    has(left, left_path)
        && has(right, right_path)
        && left.files.contains_key(left_path) == right.files.contains_key(right_path)
        && below(left, left_path) == below(right, right_path)
}

/// What is at and below a path, without the directory itself.
fn below(tree: &Tree, path: &[u8]) -> Tree {
    let mut part = moved(tree, path, b"x");
    part.directories.remove(&b"x"[..]);
    part
}

fn paths(tree: &Tree) -> BTreeSet<&Vec<u8>> {
    tree.files.keys().chain(&tree.directories).collect()
}

/// The children of a directory by path.
fn children(tree: &Tree, directory: &[u8]) -> BTreeSet<Vec<u8>> {
    paths(tree).into_iter().filter(|path| split(path).0 == directory).cloned().collect()
}

/// The server: what becomes of the first of the trees, or `None` if the request is refused.
pub fn apply(trees: &[&Tree], text: &Tree, targets: &Targets) -> Option<Tree> {
    let mut result = if targets.contains_key(&b""[..]) { Tree::default() } else { trees[0].clone() };
    let is_in_another = |target: &Vec<u8>| {
        targets
            .iter()
            .any(|(outer, source)| *source != Source::Nothing && outer != target && is_at_or_below(target, outer))
    };
    require(!targets.keys().any(is_in_another))?;
    let is_text = |source: &Source| *source == Source::Text;
    require(*text == Tree::default() || targets.values().any(is_text))?;
    for target in targets.keys() {
        result.files.retain(|path, _| !is_at_or_below(path, target));
        result.directories.retain(|path| !is_at_or_below(path, target));
    }
    for (target, source) in targets {
        let part = match source {
            Source::Nothing => continue,
            Source::Text => {
                require(has(text, target))?;
                moved(text, target, target)
            }
            Source::Tree(number, path) => {
                require(has(trees[*number], path) && (*number > 0 || !path.is_empty()))?;
                let mut part = moved(trees[*number], path, target);
                if path.is_empty() {
                    part.add_directory(target)?;
                }
                part
            }
        };
        require(target.is_empty() || result.add_directory(split(target).0).is_some())?;
        result.files.extend(part.files);
        result.directories.extend(part.directories);
    }
    Some(result)
}

/// Twin of [`crate::plan::plan`]. Of several sources that are equally welcome it takes any.
pub fn plan(trees: &[&Tree], edited: &Tree) -> Targets {
    let mut planner = Planner { trees, edited, targets: Targets::new() };
    planner.pair(b"");
    if planner.targets.keys().any(|target| std::str::from_utf8(target).is_err()) {
        let source = if paths(edited).is_empty() { Source::Nothing } else { Source::Text };
        return Targets::from([(Vec::new(), source)]);
    }
    planner.targets
}

/// How welcome a source is for a path; the least is best.
pub fn rank(trees: &[&Tree], edited: &Tree, path: &[u8], source: &Source) -> Option<(usize, bool)> {
    let Source::Tree(number, from) = source else { return None };
    let is_gone = !has(edited, from) || edited.files.contains_key(from) != trees[0].files.contains_key(from);
    let standing = match number {
        0 if is_gone => 0,
        0 => 1,
        _ => 2,
    };
    Some((standing, split(from).1 != split(path).1))
}

struct Planner<'t> {
    trees: &'t [&'t Tree],
    edited: &'t Tree,
    targets: Targets,
}

impl Planner<'_> {
    /// The best source of a path of the edited tree.
    fn source(&self, path: &[u8]) -> Option<Source> {
        require(self.edited.size(path) > 0)?;
        let whole = (1..self.trees.len()).map(|number| (number, Vec::new()));
        let parts = self
            .trees
            .iter()
            .enumerate()
            .flat_map(|(number, tree)| paths(tree).into_iter().map(move |path| (number, path.clone())));
        whole
            .chain(parts)
            .filter(|(_, from)| std::str::from_utf8(from).is_ok())
            .filter(|(number, from)| is_same(self.trees[*number], from, self.edited, path))
            .map(|(number, from)| Source::Tree(number, from))
            .min_by_key(|source| rank(self.trees, self.edited, path, source))
    }

    fn has_source(&self, path: &[u8]) -> bool {
        self.source(path).is_some() || children(self.edited, path).iter().any(|child| self.has_source(child))
    }

    fn pair(&mut self, directory: &[u8]) {
        let (base, edited) = (self.trees[0], self.edited);
        let both: BTreeSet<Vec<u8>> = children(base, directory).union(&children(edited, directory)).cloned().collect();
        let kind = |tree: &Tree, path: &[u8]| has(tree, path).then(|| tree.files.contains_key(path));
        let changed: Vec<Vec<u8>> = both.into_iter().filter(|path| !is_same(base, path, edited, path)).collect();
        // One of another kind is a removal and an addition.
        let is_other_kind =
            |path: &&Vec<u8>| has(base, path) && has(edited, path) && kind(base, path) != kind(edited, path);
        let count = changed.len() + changed.iter().filter(is_other_kind).count();
        if count > 1
            && !directory.is_empty()
            && let Some(source) = self.source(directory)
        {
            self.targets.insert(directory.to_vec(), source);
            return;
        }
        for path in changed {
            match (kind(base, &path), kind(edited, &path)) {
                (_, None) => {
                    self.targets.insert(path, Source::Nothing);
                }
                (Some(false), Some(false)) => self.pair(&path),
                _ => self.add(&path),
            }
        }
    }

    fn add(&mut self, path: &[u8]) {
        if let Some(source) = self.source(path) {
            self.targets.insert(path.to_vec(), source);
        } else if !self.has_source(path) {
            self.targets.insert(path.to_vec(), Source::Text);
        } else {
            if has(self.trees[0], path) {
                self.targets.insert(path.to_vec(), Source::Nothing);
            }
            for child in children(self.edited, path) {
                self.add(&child);
            }
        }
    }
}
