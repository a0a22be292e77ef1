//! Typed `u32` ids and the vectors they index.
//!
//! Every column of the tree is addressed by its own id type, so that a block id cannot be used where a node id is meant,
//! and a column costs four bytes per reference. `NONE` marks the absence of an id inside a column.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Index, IndexMut};

/// An id that addresses one column.
pub trait Id: Copy + Eq {
    /// The position in the column.
    fn index(self) -> usize;
    /// The id of a position. Positions are below `u32::MAX`; the parser and the union refuse inputs that could pass it.
    fn from_index(index: usize) -> Self;
}

macro_rules! define_id {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);

        impl $name {
            /// No id: the end of a list, or a column that has no value here.
            pub const NONE: Self = Self(u32::MAX);

            /// The first id of a column.
            pub const FIRST: Self = Self(0);

            /// The id, or `None` if it is [`Self::NONE`].
            #[inline]
            pub fn get(self) -> Option<Self> {
                if self == Self::NONE { None } else { Some(self) }
            }

            /// The bare number.
            #[inline]
            pub fn raw(self) -> u32 {
                self.0
            }

            /// The id with this number.
            #[inline]
            pub fn from_raw(raw: u32) -> Self {
                Self(raw)
            }
        }

        impl Id for $name {
            #[inline]
            fn index(self) -> usize {
                self.0 as usize
            }

            #[inline]
            #[expect(clippy::cast_possible_truncation, reason = "columns hold fewer than u32::MAX items, see `Id`")]
            fn from_index(index: usize) -> Self {
                debug_assert!(index < u32::MAX as usize);
                Self(index as u32)
            }
        }
    };
}

define_id!(
    /// A file or a directory.
    NodeId
);
define_id!(
    /// What only a directory has: its list of children.
    DirectoryId
);
define_id!(
    /// A distinct block: digest and size.
    BlockId
);
define_id!(
    /// A place in the streams' block lists laid end to end.
    EntryId
);

/// A vector indexed by one id type.
#[derive(Clone, Debug)]
pub struct IndexVec<I, T> {
    items: Vec<T>,
    marker: PhantomData<fn(I)>,
}

impl<I: Id, T> IndexVec<I, T> {
    /// Adds an item and gives its id.
    #[inline]
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len());
        self.items.push(item);
        id
    }

    /// The ids in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    /// The id that the next pushed item will get.
    #[inline]
    pub fn next_id(&self) -> I {
        I::from_index(self.items.len())
    }

    /// The underlying vector.
    pub fn as_vec_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

/// A set of ids of one column, a bit for each.
#[derive(Clone, Debug)]
pub(crate) struct IdSet<I> {
    words: Vec<u64>,
    marker: PhantomData<fn(I)>,
}

impl<I: Id> IdSet<I> {
    fn place(id: I) -> (usize, u64) {
        (id.index() / 64, 1 << (id.index() % 64))
    }

    /// Adds an id, and says whether it is new.
    #[inline]
    pub(crate) fn insert(&mut self, id: I) -> bool {
        let (word, bit) = Self::place(id);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Whether an id is in it.
    #[inline]
    pub(crate) fn contains(&self, id: I) -> bool {
        let (word, bit) = Self::place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Keeps the ids that are to stay.
    pub(crate) fn retain(&mut self, stays: impl Fn(I) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                if !stays(I::from_index(index * 64 + bit.trailing_zeros() as usize)) {
                    *word ^= bit;
                }
                rest ^= bit;
            }
        }
    }

    /// Takes out all of them.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }
}

impl<I> Default for IdSet<I> {
    fn default() -> Self {
        Self { words: Vec::new(), marker: PhantomData }
    }
}

impl<I, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        Self { items: Vec::new(), marker: PhantomData }
    }
}

impl<I, T> From<Vec<T>> for IndexVec<I, T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, marker: PhantomData }
    }
}

impl<I, T> Deref for IndexVec<I, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<I, T> DerefMut for IndexVec<I, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<I: Id, T> Index<I> for IndexVec<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for IndexVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in_and_kept() {
        let mut set = IdSet::default();
        let ids: Vec<NodeId> = [0, 1, 63, 64, 200].map(NodeId::from_raw).into();
        for id in &ids {
            assert!(set.insert(*id));
            assert!(!set.insert(*id));
        }
        let members = |set: &IdSet<NodeId>| -> Vec<NodeId> {
            (0..300).map(NodeId::from_raw).filter(|id| set.contains(*id)).collect()
        };
        assert_eq!(members(&set), ids);
        set.retain(|id| id.raw() % 2 == 0);
        assert_eq!(members(&set), [0, 64, 200].map(NodeId::from_raw));
        set.clear();
        assert!(members(&set).is_empty());
    }
}
