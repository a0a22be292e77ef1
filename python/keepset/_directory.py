"""A directory of a collection as it is: names, paths, text, whether it was saved, and who is told of changes."""

from __future__ import annotations

from collections.abc import KeysView
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._contents import Contents
from keepset._node import Node
from keepset.locking import synchronized
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from keepset._core import Tree
    from keepset._notify import Callback
    from keepset.collection import Collection

__all__ = ["CollectionBase", "Directory"]


class CollectionBase:
    """What all collections have: they are context managers, and have a manifest without hints."""

    def __enter__(self) -> Self:
        """Return the collection."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def manifest_text(self) -> str:
        """Return the manifest."""
        raise NotImplementedError

    def stripped_manifest(self) -> str:
        """Return the manifest as it is, without the hints of its locators."""
        return Manifest.parse(self.manifest_text()).stripped().text


class Directory(CollectionBase, Contents, Node):
    """What `RichCollectionBase` can do without changing anything.

    Iterating gives the names in it, in the order in which they came. `collection[name]` is the file or the
    subcollection of that name; `find` follows a path.
    """

    _root: Collection
    _id: int
    _tree: Tree
    _callback: Callback | None = None

    # Where it is.

    def root_collection(self) -> Collection:
        """Return the collection that everything here belongs to."""
        return self._root

    def stream_name(self) -> str:
        """Return the path from the root, beginning with `.`."""
        path = self._tree.path(self._id)
        return path if path == "." else f"./{path}"

    def __repr__(self) -> str:
        """Return the kind and the path, for people."""
        return f"<{type(self).__name__} {self.stream_name()!r}>"

    # Looking.

    def find(self, path: str) -> Any:
        """Return the file or subcollection at a path, or None.

        Args:
            path: From here; `.` is this collection.

        Raises:
            ArgumentError: The path is empty.
            NotADirectoryError: A file stands where the path needs a directory, or the path begins with a slash.
        """
        if not path:
            raise errors.ArgumentError("the path must not be empty")
        root = self._root
        with root._lock:
            found = self._tree.find(self._id, path)
            return None if found is None else root._handle(*found)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return self.find(path) is not None

    def __getitem__(self, k: str) -> Any:
        """Return the file or subcollection of a name."""
        root = self._root
        with root._lock:
            found = root._tree.child(self._id, k)
            if found is None:
                raise KeyError(k)
            return root._handle(*found)

    def __contains__(self, k: object) -> bool:
        """Return whether there is such a name here."""
        return isinstance(k, str) and self._tree.child(self._id, k) is not None

    def __len__(self) -> int:
        """Return the number of names."""
        return self._tree.count(self._id)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        names = self._tree.names(self._id)
        for name in names:
            if self._tree.count(self._id) != len(names):
                raise RuntimeError("the collection changed during iteration")
            yield name

    def keys(self) -> KeysView[str]:
        """Return a view of the names, which follows changes."""
        return KeysView(self)

    @synchronized
    def values(self) -> list[Any]:
        """Return the files and subcollections."""
        return [self._root._handle(node, is_dir) for _, node, is_dir in self._tree.children(self._id)]

    @synchronized
    def items(self) -> list[tuple[str, Any]]:
        """Return pairs of name and file or subcollection."""
        return [(name, self._root._handle(node, is_dir)) for name, node, is_dir in self._tree.children(self._id)]

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a collection with the same files, by block and range."""
        if other is self:
            return True
        if not isinstance(other, Directory):
            return False
        return self._root._settled_tree().is_same(self._id, other._root._settled_tree(), other._id)

    __hash__ = None  # type: ignore[assignment]  # as in 3.2.1: what can change has no hash

    # Text.

    def manifest_text(
        self, stream_name: str = ".", strip: bool = False, normalize: bool = False, only_committed: bool = False
    ) -> str:
        """Return the manifest. What is in memory is stored first.

        Args:
            stream_name: The name of this collection in it.
            strip: Without the hints of locators.
            normalize: In normal form, also where nothing has changed and there is another text.
            only_committed: Leave out what is not stored, instead of storing it.

        Raises:
            KeepWriteError: Some blocks could not be stored. Nothing is lost: ask again.
        """
        return self._root._text_of(
            self._id, stream_name, strip=strip, normalize=normalize, only_committed=only_committed
        )

    def portable_manifest_text(self, stream_name: str = ".") -> str:
        """Return the manifest in normal form without hints, as `save` will make it. Nothing is stored."""
        return self._root._portable(self._id, stream_name).text

    def portable_data_hash(self) -> str:
        """Return MD5 and length of `portable_manifest_text`. Nothing is stored."""
        return self._root._portable(self._id).portable_data_hash

    @property
    def manifest(self) -> Manifest:
        """A snapshot as a value. What is in memory is stored first."""
        return Manifest.parse(self.manifest_text())

    def flush(self) -> None:
        """Store the bytes of all files here, and wait for it."""
        self._root._flush(self._id)

    def has_remote_blocks(self) -> bool:
        """Return whether blocks of files here are signed by another cluster (`+R`), or what was said last of that."""
        return self._root._remote_blocks(self._id)

    def set_has_remote_blocks(self, val: bool) -> None:
        """Say whether there are blocks that are signed by another cluster, until the collection is saved.

        Args:
            val: False makes saving leave such blocks alone, instead of having Keep fetch them.
        """
        self._root._has_remote_blocks = val

    # Events.

    def subscribe(self, callback: Callback) -> None:
        """Have a function called after each change: `callback(event, collection, name, item)`.

        Args:
            callback: The function. It runs on the thread that made the change, after the lock has been released.

        Raises:
            ArgumentError: There is one already.
        """
        if self._callback is not None:
            raise errors.ArgumentError("there is a callback on this collection already")
        self._callback = callback
        self._root._pinned[self._id] = self
        self._root._listeners += 1

    def unsubscribe(self) -> None:
        """Have no function called any more."""
        if self._callback is not None:
            self._root._listeners -= 1
        self._callback = None

    def notify(self, event: str, collection: Directory, name: str, item: Any) -> None:
        """Tell the callback of this collection, then that of the root.

        Args:
            event: `ADD`, `DEL`, `MOD`, `TOK` or `WRITE`.
            collection: The collection that the name is in.
            name: The name.
            item: What it stands for; the pair of old and new for MOD, TOK and WRITE.
        """
        for told in (self, self._root) if self is not self._root else (self,):
            if told._callback is not None:
                told._callback(event, collection, name, item)
