"""Collections: trees of files, as objects.

`Collection` is a root; `Subcollection` and `ArvadosFile` are handles, made when somebody touches a node: a reference to
the root and the number of the node. The root keeps a weak table of them, so that a node has one object as long as
anybody holds it, and none otherwise. The tree itself is the engine's.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
import weakref
from collections.abc import KeysView
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from keepset import errors
from keepset._contents import Contents
from keepset._core import Tree
from keepset._notify import ADD, DEL, MOD, TOK, WRITE, Callback, Event, deliver
from keepset._readers import FileLikeObjectBase
from keepset._record import Record
from keepset.arvfile import ArvadosFile, ArvadosFileReader, ArvadosFileWriter, open_file, split
from keepset.blocks import BlockManager
from keepset.locking import NoopLock, must_be_writable, synchronized
from keepset.manifest import Manifest
from keepset.stream import StreamReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from typing_extensions import Self

__all__ = [
    "ADD",
    "COLLECTION",
    "DEL",
    "FILE",
    "MOD",
    "TOK",
    "WRITE",
    "ArvadosFile",
    "ArvadosFileReader",
    "ArvadosFileWriter",
    "Collection",
    "CollectionBase",
    "CollectionReader",
    "RichCollectionBase",
    "Subcollection",
    "SynchronizedCollectionBase",
    "must_be_writable",
    "split",
    "synchronized",
]

FILE: Literal["file"] = "file"
"""For `find_or_create`: make a file."""
COLLECTION: Literal["collection"] = "collection"
"""For `find_or_create`: make a subcollection."""

Item: TypeAlias = "ArvadosFile | RichCollectionBase"

_ROOT = 0
_serials = itertools.count()


class _WriterFile(FileLikeObjectBase):
    """A file object that hands what is written to an older kind of writer: `write`, `flush_data`, `finish_current_file`.

    Args:
        coll_writer: The writer.
        name: The name of the file.
    """

    def __init__(self, coll_writer: Any, name: str) -> None:
        super().__init__(name, "wb")
        self.dest = coll_writer

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    @FileLikeObjectBase._before_close
    def write(self, data: Any) -> int:
        """Write bytes."""
        self.dest.write(data)
        return len(data)

    def flush(self) -> None:
        """Make the writer store what it has."""
        if not self.closed:
            self.dest.flush_data()

    def close(self) -> None:
        """End the file."""
        if not self.closed:
            super().close()
            self.dest.finish_current_file()


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


class RichCollectionBase(CollectionBase, Contents):
    """A directory of a collection: the root or a subcollection.

    Iterating gives the names in it, in the order in which they came. `collection[name]` is the file or the subcollection
    of that name; `find` follows a path.
    """

    _root: Collection
    _id: int
    _tree: Tree
    _callback: Callback | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute. One that a program adds keeps the object alive as long as its collection."""
        object.__setattr__(self, name, value)
        if not name.startswith("_") and self._id != _ROOT:
            self._root._pinned[self._id] = self

    # Where it is.

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """The lock of the root collection."""
        return self._root._lock

    def root_collection(self) -> Collection:
        """Return the collection that everything here belongs to."""
        return self._root

    def writable(self) -> bool:
        """Return whether the collection can be written."""
        return self._root.writable()

    def stream_name(self) -> str:
        """Return the path from the root, beginning with `.`."""
        path = self._tree.path(self._id)
        return path if path == "." else f"./{path}"

    def __repr__(self) -> str:
        """Return the kind and the path, for people."""
        return f"<{type(self).__name__} {self.stream_name()!r}>"

    # Looking.

    def _components(self, path: str) -> list[str]:
        """Divide a path; the last component is empty where a directory is meant."""
        if not path:
            raise errors.ArgumentError("the path must not be empty")
        while path.startswith("./"):
            path = path[2:]
        if path in ("", "."):
            return []
        return path.split("/")

    def _lookup(self, components: Iterable[str]) -> tuple[int, bool] | None:
        """Find a node, and whether it is a directory.

        Raises:
            NotADirectoryError: A file stands where the path needs a directory, or a component is empty.
        """
        node, is_directory = self._id, True
        components = list(components)
        if len(components) > 1 and not components[-1]:
            components = [*components[:-1], "."]
        for component in components:
            if not component or not is_directory:
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", "/".join(components))
            if component == ".":
                continue
            found = self._tree.child(node, component)
            if found is None:
                return None
            node, is_directory = found
        return node, is_directory

    @synchronized
    def find(self, path: str) -> Any:
        """Return the file or subcollection at a path, or None.

        Args:
            path: From here; `.` is this collection.

        Raises:
            ArgumentError: The path is empty.
            NotADirectoryError: A file stands where the path needs a directory, or the path begins with a slash.
        """
        found = self._lookup(self._components(path))
        return None if found is None else self._root._handle(*found)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return self.find(path) is not None

    @synchronized
    def __getitem__(self, k: str) -> Any:
        """Return the file or subcollection of a name."""
        found = self._tree.child(self._id, k) if isinstance(k, str) else None
        if found is None:
            raise KeyError(k)
        return self._root._handle(*found)

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
        return KeysView(self)  # type: ignore[arg-type]  # it has all of a mapping that a view of keys uses

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
        if not isinstance(other, RichCollectionBase):
            return False
        return self._root._settled_tree().is_same(self._id, other._root._settled_tree(), other._id)

    __hash__ = None  # type: ignore[assignment]  # as in 3.2.1: what can change has no hash

    # Making and removing.

    @must_be_writable
    def find_or_create(self, path: str, create_type: Literal["file", "collection"]) -> Any:
        """Return the file or subcollection at a path, which is made if it is missing.

        Args:
            path: From here. With a slash at the end it is a subcollection.
            create_type: `FILE` or `COLLECTION`: what to make.

        Raises:
            ArgumentError: A component is `.` or `..`, or `create_type` is none.
            NotADirectoryError: A file stands where a subcollection is needed.
        """
        if create_type not in (FILE, COLLECTION):
            raise errors.ArgumentError(f"create_type is FILE or COLLECTION, not {create_type!r}")
        events: list[Event] = []
        with self.lock:
            components = self._components(path) if path else []
            wants_directory = create_type == COLLECTION
            if components and not components[-1] and len(components) > 1:
                components.pop()
                wants_directory = True
            item = self._root._handle(*self._make(components, wants_directory, events))
        deliver(events)
        if isinstance(item, ArvadosFile) and wants_directory:
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
        return item

    def _make(self, components: list[str], wants_directory: bool, events: list[Event]) -> tuple[int, bool]:
        """Find a node, or make it and the directories on the way. To be called under the lock."""
        node, is_directory = self._id, True
        for index, component in enumerate(components):
            if not component or not is_directory:
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", "/".join(components))
            found = self._tree.child(node, component)
            if found is None:
                _check_name(component)
                parent = node
                is_directory = wants_directory or index < len(components) - 1
                add = self._tree.add_directory if is_directory else self._tree.add_file
                node = add(parent, component)
                collection = self._root._collection(parent)
                events.append((collection, ADD, component, self._root._handle(node, is_directory)))
            else:
                node, is_directory = found
        return node, is_directory

    def mkdirs(self, path: str) -> Any:
        """Return the subcollection at a path, which is made, with those on the way, if it is missing."""
        return self.find_or_create(path, COLLECTION)

    def open(
        self,
        path: str,
        mode: str = "r",
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        num_retries: int | None = None,
    ) -> Any:
        """Open a file, as `open` does.

        Args:
            path: From here.
            mode: As for `open`: `r`, `w`, `a` or `x`, with `b` or `t` and `+`. With `w`, `a` and `x` the file can be
                read as well, and `r+` makes a file that is missing.
            encoding: For text; UTF-8 if it is None.
            errors: As for `open`.
            newline: As for `open`.
            num_retries: How often a fetch is tried again; None for the collection's number.

        Returns:
            A binary file object, or an `io.TextIOWrapper` around one.

        Raises:
            ArgumentError: The mode is none.
            FileNotFoundError: There is no such file, and the mode does not make one.
            FileExistsError: There is one, and the mode is `x`.
            IsADirectoryError: It is a subcollection.
            OSError: The collection is read-only (`EROFS`).
        """
        is_new = _check_mode(mode, text=encoding is not None or errors is not None or newline is not None)
        if is_new and not self.writable():
            raise OSError(errno.EROFS, "the collection is read-only")
        if is_new:
            with self.lock:
                if "x" in mode and self.exists(path):
                    raise FileExistsError(errno.EEXIST, "the file exists", path)
                arvfile = self.find_or_create(path, FILE)
        else:
            arvfile = self.find(path)
        if arvfile is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if not isinstance(arvfile, ArvadosFile):
            raise IsADirectoryError(errno.EISDIR, "is a directory", path)
        if mode[0] == "w":
            arvfile.truncate(0)
        retries = self._root.num_retries if num_retries is None else num_retries
        kind = mode.replace("b", "").replace("t", "") + ("b" if "b" in mode else "")
        return open_file(arvfile, kind, retries, encoding=encoding or "utf-8", errors=errors, newline=newline)

    @must_be_writable
    def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file or a subcollection.

        Args:
            path: From here.
            recursive: Also a subcollection that is not empty.

        Raises:
            ArgumentError: The path is empty or `.`.
            FileNotFoundError: There is nothing there.
            NotADirectoryError: A file stands where the path needs a directory.
            OSError: It is a subcollection with something in it (`ENOTEMPTY`).
        """
        events: list[Event] = []
        with self.lock:
            components = self._components(path)
            if not components:
                raise errors.ArgumentError("a collection cannot remove itself: '.'")
            found = self._lookup(components)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, "no such file or directory", path)
            node, _ = found
            if not recursive and self._tree.count(node):
                raise OSError(errno.ENOTEMPTY, "the subcollection is not empty", path)
            self._root._remove(node, events)
        deliver(events)

    def __delitem__(self, p: str) -> None:
        """Remove a name, with all below it."""
        if not self.writable():
            raise OSError(errno.EROFS, "the collection is read-only")
        events: list[Event] = []
        with self.lock:
            found = self._tree.child(self._id, p)
            if found is None:
                raise KeyError(p)
            self._root._remove(found[0], events)
            events[-1] = (self, DEL, p, None)
        deliver(events)

    # Copying and moving.

    @must_be_writable
    def add(self, source_obj: Item, target_name: str, overwrite: bool = False, reparent: bool = False) -> None:
        """Put a copy of a file or collection here, or (reparent) the thing itself.

        Args:
            source_obj: The file or collection.
            target_name: The name that it gets.
            overwrite: Take the place of what has that name.
            reparent: Move it instead of copying it.

        Raises:
            ArgumentError: The name is none, or `source_obj` cannot be moved.
            FileExistsError: There is such a name, and `overwrite` is false.
            OSError: A collection would be moved into itself (`EINVAL`).
        """
        _check_name(target_name)
        source = _ours(source_obj, self._root)
        events: list[Event] = []
        with _locked(self._root, source._root if reparent else self._root):
            old = self._tree.child(self._id, target_name)
            if old is not None and not overwrite:
                raise FileExistsError(errno.EEXIST, "the name exists", target_name)
            if old is not None and source._root is self._root and old[0] == source._id:
                return
            self._root._take(source, self, target_name, old, reparent, events)
        deliver(events)

    def _place(
        self, source: str | Item, target_path: str, source_collection: Any, create: bool
    ) -> tuple[Item, RichCollectionBase, str]:
        """Find what to copy or move, the collection it goes to, and its name there."""
        name = None
        if isinstance(source, str):
            origin = self if source_collection is None else _ours(source_collection, self._root)
            item = origin.find(source)
            if item is None:
                raise FileNotFoundError(errno.ENOENT, "no such file or directory", source)
            name = next((part for part in reversed(source.split("/")) if part not in ("", ".")), "")
        else:
            item = source
        while target_path.startswith("./"):
            target_path = target_path[2:]
        directory, _, target_name = ("" if target_path == "." else target_path).rpartition("/")
        if not target_name and name is None:
            raise errors.ArgumentError("the target path has no name, and the source is an object: say how to call it")
        target: Any = self
        if directory:
            target = self.find_or_create(directory, COLLECTION) if create else self.find(directory)
        if target is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", directory)
        if not isinstance(target, RichCollectionBase):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", directory)
        target_name = target_name or name or ""
        inside = target[target_name] if target_name in target else None
        if isinstance(inside, RichCollectionBase) and name:
            target, target_name = inside, name
        return item, target, target_name

    @must_be_writable
    def copy(
        self,
        source: str | Item,
        target_path: str,
        source_collection: Any = None,
        overwrite: bool = False,
    ) -> None:
        """Copy a file or a collection.

        Args:
            source: A path, or the thing itself.
            target_path: Where the copy goes. A subcollection there gets it under the name it has; missing ones on the
                way are made. Copying `.` to `` puts all that is in the source here.
            source_collection: Where a path starts; here, if it is None.
            overwrite: Take the place of what is there.

        Raises:
            FileNotFoundError: There is no such source.
            FileExistsError: There is something at the target, and `overwrite` is false.
            NotADirectoryError: A file stands where a path needs a directory.
        """
        item, target, name = self._place(source, target_path, source_collection, create=True)
        if name:
            target.add(item, name, overwrite)
            return
        with target.lock:
            children = _ours(item, self._root).items()
            clash = next((child for child, _ in children if child in target and not overwrite), None)
            if clash is not None:
                raise FileExistsError(errno.EEXIST, "the name exists", clash)
            for child, child_item in children:
                target.add(child_item, child, overwrite)

    @must_be_writable
    def rename(
        self,
        source: str | Item,
        target_path: str,
        source_collection: Any = None,
        overwrite: bool = False,
    ) -> None:
        """Move a file or a collection. Objects and open files that belong to it stay valid.

        Args:
            source: A path, or the thing itself.
            target_path: Where it goes. A subcollection there gets it under the name it has.
            source_collection: Where a path starts; here, if it is None.
            overwrite: Take the place of what is there.

        Raises:
            FileNotFoundError: There is no such source, or no such directory.
            FileExistsError: There is something at the target, and `overwrite` is false.
            OSError: The source is read-only (`EROFS`), or would be moved into itself (`EINVAL`).
        """
        item, target, name = self._place(source, target_path, source_collection, create=False)
        if not item.writable():
            raise OSError(errno.EROFS, "the source collection is read-only")
        target.add(item, name, overwrite, reparent=True)

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
        return self._root._text_of(self._id, stream_name, strip=strip, normalize=normalize, only_committed=only_committed)

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

    # Whether it has been saved.

    def committed(self) -> bool:
        """Return whether everything here is as it was saved."""
        return self._tree.is_committed(self._id)

    def modified(self) -> bool:
        """Return whether anything here has changed since it was saved."""
        return not self.committed()

    def set_committed(self, value: bool = True) -> None:
        """Say that everything here is as it was saved, or (False) that it is not."""
        with self.lock:
            if value:
                self._tree.set_committed(self._id)
            else:
                self._tree.set_uncommitted(self._id)

    def set_unmodified(self) -> None:
        """Say that everything here is as it was saved."""
        self.set_committed()

    def flush(self) -> None:
        """Store the bytes of all files here, and wait for it."""
        self._root._flush(self._id)

    def has_remote_blocks(self) -> bool:
        """Return whether blocks may be signed by another cluster (`+R`)."""
        return self._root._remote_blocks()

    def set_has_remote_blocks(self, val: bool) -> None:
        """Say whether blocks may be signed by another cluster."""
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

    def unsubscribe(self) -> None:
        """Have no function called any more."""
        self._callback = None

    def notify(self, event: str, collection: RichCollectionBase, name: str, item: Any) -> None:
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


SynchronizedCollectionBase = RichCollectionBase


@contextlib.contextmanager
def _locked(one: Collection, other: Collection) -> Iterator[None]:
    """Hold the locks of two roots, which may be the same; that of the older one is taken first."""
    first, second = sorted((one, other), key=lambda root: root._serial)
    with first._lock, second._lock:
        yield


def _check_name(name: str) -> None:
    if name in ("", ".", "..") or "/" in name:
        raise errors.ArgumentError(f"not a name for a file or a collection: {name!r}")


def _check_mode(mode: str, *, text: bool) -> bool:
    """Check a mode of `open`; return whether it makes a file that is missing."""
    kind = set(mode)
    letters = "rwax"
    valid = (
        len(kind) == len(mode) and kind <= set("rwaxbt+") and len(kind & set(letters)) == 1 and not {"b", "t"} <= kind
    )
    if not valid:
        raise errors.ArgumentError(f"not a mode of open: {mode!r}")
    if text and "b" in kind:
        raise errors.ArgumentError("a binary mode takes no encoding, errors or newline")
    return "r" not in kind or "+" in kind


def _ours(item: Any, root: Collection) -> Any:
    """Return a file or collection of this library; one of another library is read through its manifest."""
    if isinstance(item, (ArvadosFile, RichCollectionBase)):
        return item
    if not hasattr(item, "manifest_text"):
        raise errors.ArgumentError(f"neither a file nor a collection: {type(item).__name__}")
    reader = CollectionReader(
        Manifest.parse(item.manifest_text()), api_client=root._api_client, keep_client=root._keep_client
    )
    if hasattr(item, "keys"):
        return reader
    return next(iter(reader.values()))


class Subcollection(RichCollectionBase):
    """A directory below the root of a collection.

    Args:
        parent: The collection that it will belong to. `RichCollectionBase.add` puts it there.
        name: Its name.
    """

    _parent_if_detached: RichCollectionBase | None = None
    _root: Collection = None  # type: ignore[assignment]  # set before anything else
    _id = _ROOT

    def __init__(self, parent: RichCollectionBase, name: str) -> None:
        self._root = parent.root_collection()
        with self._root.lock:
            self._id = self._root._tree.create(name, True)
            self._root._hold(self)
        self._parent_if_detached = parent

    @classmethod
    def _of(cls, root: Collection, node: int) -> Subcollection:
        """Make the handle of a node."""
        self = cls.__new__(cls)
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_id", node)
        return self

    @property
    def _tree(self) -> Tree:  # type: ignore[override]  # the root's
        return self._root._tree

    @property
    def name(self) -> str:
        """The name of the collection in its parent."""
        return self._tree.name(self._id)

    @property
    def parent(self) -> RichCollectionBase:
        """The collection that this one is in; the last one, if it was removed."""
        parent = self._tree.parent(self._id)
        return (self._parent_if_detached or self._root) if parent is None else self._root._collection(parent)

    def clone(self, new_parent: RichCollectionBase | None = None, new_name: str | None = None) -> Subcollection:
        """Return a copy that is not part of any collection yet.

        Args:
            new_parent: The collection that it will belong to; the parent, if it is None.
            new_name: Its name; the same, if it is None.
        """
        copy = Subcollection(new_parent or self.parent, self.name if new_name is None else new_name)
        for name, item in self.items():
            copy.add(item, name)
        return copy


class Collection(Record, RichCollectionBase):
    """A collection that can be changed and saved.

    Threads may share it: one lock protects it with all its files and subcollections.

    Args:
        manifest_locator_or_text: The text of a manifest, a `Manifest`, a UUID, a portable data hash, a signed locator of
            a manifest, or a `keep:` URI. Nothing for a new, empty collection.
        api_client: What has the records: `open_store(…)`, or a client of the Arvados API. The default one, if it is None.
        keep_client: What has the blocks; that of the `api_client`, if it is None.
        num_retries: How often requests are tried again.
        parent: For the sake of 3.2.1.
        apiconfig: Settings, instead of those of the environment.
        block_manager: One to share with another collection; a new one, if it is None.
        replication_desired: On how many services blocks are stored.
        storage_classes_desired: In which storage classes.
        put_threads: How many uploads run at a time.
        get_threads: For the sake of 3.2.1.
        packing: Whether small files are packed together when they are closed, at the latest when the collection is
            saved. Otherwise each gets a block of its own.

    Raises:
        ArgumentError: The argument is none of these.
        NotFoundError: There is no such collection.

    Examples:
        >>> from keepset.collection import Collection
        >>> collection = Collection(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\\n")
        >>> list(collection), collection["a"].size()
        (['a'], 3)
    """

    _root: Collection = None  # type: ignore[assignment]  # itself, set before anything else
    _id = _ROOT
    _is_reader: ClassVar[bool] = False

    def __init__(
        self,
        manifest_locator_or_text: str | bytes | Manifest | None = None,
        api_client: Any = None,
        keep_client: Any = None,
        num_retries: int = 10,
        parent: Any = None,
        apiconfig: Mapping[str, str] | None = None,
        block_manager: BlockManager | None = None,
        replication_desired: int | None = None,
        storage_classes_desired: list[str] | None = None,
        put_threads: int | None = None,
        get_threads: int | None = None,
        *,
        packing: bool = True,
    ) -> None:
        if storage_classes_desired is not None and not isinstance(storage_classes_desired, list):
            raise errors.ArgumentError("storage_classes_desired must be a list of names")
        vars(self).update(
            _root=self,
            _serial=next(_serials),
            _lock=NoopLock() if self._is_reader else threading.RLock(),
            _handles={},
            _pinned={},
            _open_files={},
            _api_client=api_client,
            _keep_client=keep_client,
            _block_manager=block_manager,
            _apiconfig=apiconfig,
            _storage_classes=storage_classes_desired,
            num_retries=num_retries,
            parent=parent,
            replication_desired=replication_desired,
            put_threads=put_threads,
            get_threads=get_threads,
            packing=packing,
        )
        self._load(manifest_locator_or_text)

    _lock: AbstractContextManager[Any]
    _serial: int  # roots are locked in the order in which they were made
    _handles: dict[int, weakref.KeyedRef[int, Any]]
    _pinned: dict[int, object]
    _open_files: dict[int, ArvadosFile]
    _api_client: Any
    _keep_client: Any
    _block_manager: BlockManager | None
    _has_remote_blocks: bool | None = None
    num_retries: int
    packing: bool

    def stream_name(self) -> str:
        """Return `.`."""
        return "."

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    # Handles.

    def _handle(self, node: int, is_directory: bool) -> Any:
        """Return the object of a node. To be called under the lock."""
        reference = self._handles.get(node)
        handle = None if reference is None else reference()
        if handle is None:
            if node == _ROOT:
                return self
            handle = (Subcollection if is_directory else ArvadosFile)._of(self, node)
            self._hold(handle)
        return handle

    def _collection(self, node: int) -> RichCollectionBase:
        handle: RichCollectionBase = self._handle(node, True)
        return handle

    def _hold(self, handle: Any) -> None:
        """Enter a new handle into the table."""
        handles = self._handles

        def forget(reference: weakref.KeyedRef[int, Any]) -> None:
            if handles.get(reference.key) is reference:
                del handles[reference.key]

        handles[handle._id] = weakref.KeyedRef(handle, forget, handle._id)

    # What the methods above leave to the root. All to be called under the lock.

    def _remove(self, node: int, events: list[Event]) -> None:
        parent = self._tree.parent(node)
        collection = self._collection(_ROOT if parent is None else parent)
        name = self._tree.name(node)
        handle = self._handle(node, self._tree.is_directory(node))
        object.__setattr__(handle, "_parent_if_detached", collection)
        self._tree.detach(node)
        events.append((collection, DEL, name, handle))

    def _take(
        self,
        source: Any,
        target: RichCollectionBase,
        name: str,
        old: tuple[int, bool] | None,
        moves: bool,
        events: list[Event],
    ) -> None:
        """Put a file or collection into a collection of this root."""
        tree = self._tree
        origin: Collection = source._root
        if moves and source._id == _ROOT:
            raise errors.ArgumentError("a root collection cannot be moved; copy it")
        if moves and origin is self and tree.is_at_or_below(target._id, source._id):
            raise OSError(errno.EINVAL, "a collection cannot be moved into itself", name)
        replaced = None
        if old is not None:
            replaced = self._handle(*old)
            if moves and origin is self and tree.is_at_or_below(source._id, old[0]):
                raise OSError(errno.EINVAL, "a collection cannot take the place of one that it is in", name)
            copies_below = not moves and origin is self and tree.is_at_or_below(source._id, old[0])
            if copies_below:
                source = _detached_copy(source)
                moves = True
            self._remove(old[0], [])
        if moves and origin is self:
            if tree.parent(source._id) is not None:
                self._remove(source._id, events)
            tree.attach(source._id, target._id, name)
            node = source._id
        elif origin is self:
            self._share(source._id)
            node = tree.copy_within(source._id, target._id, name)
        else:
            with origin.lock if not moves else NoopLock():
                origin._lend_buffers(source, self)
                snapshot = origin._tree.clone()
            old_id = source._id
            node = tree.copy_from(snapshot, old_id, target._id, name)
            del snapshot
            if moves:
                origin._remove(old_id, events)
                origin._move_handles(old_id, self, node)
        handle = self._handle(node, tree.is_directory(node))
        events.append((target, MOD, name, (replaced, handle)) if replaced is not None else (target, ADD, name, handle))

    def _share(self, node: int) -> None:
        """Note that two files will refer to the bytes in memory of this one."""
        cells = self._tree.cells_below(node)
        if cells:
            manager = self._my_block_manager()
            for cell in cells:
                buffer = manager.find(cell)
                if buffer:
                    buffer.is_shared = True

    def _lend_buffers(self, item: Any, to: Collection) -> None:
        """Let another collection refer to the bytes in memory of a file or collection of this one."""
        self._share(item._id)
        cells = self._tree.cells_below(item._id)
        if cells and to is not self:
            manager = self._my_block_manager()
            buffers = [buffer for cell in cells if (buffer := manager.find(cell))]
            buffers += [buffer.pack[0] for buffer in buffers if buffer.pack]
            to._my_block_manager().adopt(buffers)

    def _move_handles(self, node: int, to: Collection, new_node: int) -> None:
        """Make the handles at and below a node those of its copy in another collection."""
        moved = dict(zip(self._tree.descend(node), to._tree.descend(new_node), strict=True))
        for old_id in [old_id for old_id in self._handles if old_id in moved]:
            handle = self._handles.pop(old_id)()
            if handle is not None:
                object.__setattr__(handle, "_root", to)
                object.__setattr__(handle, "_id", moved[old_id])
                to._hold(handle)
        for table, target in ((self._pinned, to._pinned), (self._open_files, to._open_files)):
            for old_id in [old_id for old_id in table if old_id in moved]:
                target[moved[old_id]] = table.pop(old_id)  # type: ignore[attr-defined]

    # Copies.

    def clone(
        self,
        new_parent: Any = None,
        new_name: str | None = None,
        readonly: bool = False,
        new_config: Mapping[str, str] | None = None,
    ) -> Collection:
        """Return a copy without a record. It shares clients, block manager and data.

        Args:
            new_parent: For the sake of 3.2.1.
            new_name: For the sake of 3.2.1.
            readonly: Make it a `CollectionReader`.
            new_config: Settings for the copy; the same ones, if it is None.
        """
        with self.lock:
            self._share(_ROOT)
            kind: Any = CollectionReader if readonly else Collection
            manager = self._block_manager
            if manager is None and self._tree.pending_cells():
                manager = self._my_block_manager()
            copy: Collection = kind(
                Manifest.parse(""),
                self._api_client,
                self._keep_client,
                self.num_retries,
                new_parent,
                self._apiconfig if new_config is None else new_config,
                manager,
                self.replication_desired,
                self._storage_classes,
                self.put_threads,
                packing=self.packing,
            )
            copy._tree = self._tree.clone()
            if not readonly:
                copy._tree.set_uncommitted(_ROOT)
            copy._has_remote_blocks = self._has_remote_blocks
        return copy

    def __copy__(self) -> Collection:
        """Return a clone that stays tied to the record."""
        return self._copy_with_record()

    def __deepcopy__(self, memo: object) -> Collection:
        """Return a clone that stays tied to the record, with the same clients."""
        return self._copy_with_record()


class CollectionReader(Collection):
    """A collection that cannot be changed, and needs no lock.

    Args:
        manifest_locator_or_text: As for `Collection`.
        *args: As for `Collection`.
        **kwargs: As for `Collection`.
    """

    _is_reader = True

    def __init__(self, manifest_locator_or_text: str | bytes | Manifest, *args: Any, **kwargs: Any) -> None:
        super().__init__(manifest_locator_or_text, *args, **kwargs)

    def writable(self) -> bool:
        """Return that it cannot be written."""
        return False

    def normalize(self) -> None:
        """Have `manifest_text` give the normal form."""
        self._text = self._manifest_of(_ROOT).normalized().text

    def all_streams(self) -> list[StreamReader]:
        """Return a reader for each stream of the manifest."""
        return StreamReader.all_of(self)

    def all_files(self) -> Iterator[Any]:
        """Yield each file of the manifest."""
        for stream in self.all_streams():
            yield from stream.all_files()


def _detached_copy(source: Any) -> Any:
    """Return a copy of a file or subcollection that is not part of its collection."""
    return source.clone(source.parent, source.name)

