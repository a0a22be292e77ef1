//! The slow twins of [`crate::tree::merge`] and [`crate::tree::join`]: maps of whole paths, looked at path by path.

use super::manifest::{Span, Tree, split};
use crate::tree::join::OnClash;
use crate::tree::merge::Policy;
use std::collections::BTreeSet;

/// What stands at a path: a file, or a directory with all below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Thing {
    /// The bytes of a file.
    File(Vec<Span>),
    /// What is below a directory, by path from there.
    Directory(Tree),
}

fn below(path: &[u8], directory: &[u8]) -> Option<Vec<u8>> {
    path.strip_prefix(&[directory, b"/"].concat()[..]).map(<[u8]>::to_vec)
}

impl Tree {
    fn get(&self, path: &[u8]) -> Option<Thing> {
        if let Some(spans) = self.files.get(path) {
            return Some(Thing::File(spans.clone()));
        }
        self.directories.contains(path).then(|| {
            let files = self.files.iter().filter_map(|(file, spans)| Some((below(file, path)?, spans.clone())));
            let directories = self.directories.iter().filter_map(|directory| below(directory, path));
            Thing::Directory(Self { files: files.collect(), directories: directories.collect() })
        })
    }

    fn remove(&mut self, path: &[u8]) {
        self.files.retain(|file, _| file != path && below(file, path).is_none());
        self.directories.retain(|directory| directory != path && below(directory, path).is_none());
    }

    /// Puts a thing at a path, in place of what stands there or in its way.
    fn put(&mut self, path: &[u8], thing: &Thing) {
        self.remove(path);
        for (at, byte) in path.iter().enumerate() {
            if *byte == b'/' {
                self.files.remove(&path[..at]);
            }
        }
        match thing {
            Thing::File(spans) => {
                self.add_directory(split(path).0);
                self.files.insert(path.to_vec(), spans.clone());
            }
            Thing::Directory(tree) => {
                self.add_directory(path);
                let inside = |name: &Vec<u8>| [path, b"/", name].concat();
                self.directories.extend(tree.directories.iter().map(inside));
                self.files.extend(tree.files.iter().map(|(file, spans)| (inside(file), spans.clone())));
            }
        }
    }

    fn has_file_above(&self, path: &[u8]) -> Option<usize> {
        path.iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|it| it.0)
            .find(|at| self.files.contains_key(&path[..*at]))
    }

    fn is_free(&self, path: &[u8]) -> bool {
        self.get(path).is_none() && self.has_file_above(path).is_none()
    }

    fn paths(&self) -> BTreeSet<Vec<u8>> {
        self.files.keys().chain(&self.directories).cloned().collect()
    }
}

/// The paths that differ, each with what was there and what is there. What is below one of them is not listed.
pub fn steps(old: &Tree, new: &Tree) -> Vec<(Vec<u8>, Option<Thing>, Option<Thing>)> {
    let are_directories =
        |path: &[u8]| path.is_empty() || (old.directories.contains(path) && new.directories.contains(path));
    let paths: BTreeSet<Vec<u8>> = old.paths().union(&new.paths()).cloned().collect();
    let mut steps = Vec::new();
    for path in paths {
        let (before, after) = (old.get(&path), new.get(&path));
        if are_directories(split(&path).0) && !are_directories(&path) && before != after {
            steps.push((path, before, after));
        }
    }
    steps
}

/// Twin of [`crate::Tree::merge`].
///
/// # Errors
/// The paths in conflict, if they are refused.
pub fn merge(ours: &Tree, base: &Tree, theirs: &Tree, policy: Policy, stamp: &str) -> Result<Tree, BTreeSet<Vec<u8>>> {
    let mut merged = ours.clone();
    let mut conflicts = BTreeSet::new();
    for (path, before, after) in steps(base, theirs) {
        let here = ours.get(&path);
        let is_free = ours.is_free(&path);
        let Some(after) = after else {
            if here == before {
                merged.remove(&path);
            }
            continue;
        };
        if here.as_ref() == Some(&after) {
            continue;
        }
        let is_expected = if before.is_none() { is_free } else { here == before };
        if is_expected || policy == Policy::Theirs {
            merged.put(&path, &after);
        } else if policy == Policy::Beside {
            let end = ours.has_file_above(&path).unwrap_or(path.len());
            let numbered = (1..100).map(|number| if number == 1 { String::new() } else { format!("-{number}") });
            let names =
                numbered.map(|number| [&path[..end], format!("~{stamp}{number}~conflict~").as_bytes()].concat());
            let candidates = names.filter(|name| theirs.is_free(name)).map(|name| [&name, &path[end..]].concat());
            let free = candidates.into_iter().find(|candidate| merged.is_free(candidate)).unwrap_or_default();
            merged.put(&free, &after);
        } else {
            conflicts.insert(path);
        }
    }
    if policy == Policy::Refuse && !conflicts.is_empty() { Err(conflicts) } else { Ok(merged) }
}

/// Twin of [`crate::Tree::join`].
///
/// # Errors
/// The paths that clash, if they are refused.
pub fn join(ours: &Tree, theirs: &Tree, on_clash: OnClash) -> Result<Tree, BTreeSet<Vec<u8>>> {
    let mut joined = ours.clone();
    let mut clashes = BTreeSet::new();
    let are_directories =
        |path: &[u8]| path.is_empty() || (ours.directories.contains(path) && theirs.directories.contains(path));
    for path in theirs.paths() {
        if !are_directories(split(&path).0) || are_directories(&path) {
            continue;
        }
        let (Some(thing), here) = (theirs.get(&path), ours.get(&path)) else { continue };
        match (here, &thing, on_clash) {
            (Some(Thing::File(_)), Thing::File(spans), OnClash::Concatenate) => {
                joined.append(&path, spans);
            }
            (Some(here), _, _) if here == thing && matches!(thing, Thing::File(_)) => {}
            (Some(_), _, OnClash::Ours) => {}
            (None, ..) | (Some(_), _, OnClash::Theirs) => joined.put(&path, &thing),
            (Some(_), _, OnClash::Refuse | OnClash::Concatenate) => {
                clashes.insert(path);
            }
            (Some(_), _, OnClash::Rename) => {
                let name = split(&path).1;
                let stem = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0).unwrap_or(name.len());
                let start = path.len() - name.len();
                let candidates = (2..100_u32).map(|number| {
                    [&path[..start], &name[..stem], format!("~{number}").as_bytes(), &name[stem..]].concat()
                });
                let free = candidates.into_iter().find(|candidate| joined.is_free(candidate)).unwrap_or_default();
                joined.put(&free, &thing);
            }
        }
    }
    if clashes.is_empty() { Ok(joined) } else { Err(clashes) }
}
