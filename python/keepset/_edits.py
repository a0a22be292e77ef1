"""What changes a directory of a collection: making, opening, removing, copying and moving."""

from __future__ import annotations

import errno
import functools
from typing import Any, Literal, TypeAlias

from keepset import errors
from keepset._foreign import ours
from keepset._merging import Merging
from keepset._node import ROOT
from keepset._notify import ADD, DEL, Event, deliver
from keepset.arvfile import ArvadosFile, ArvadosFileReader, ArvadosFileWriter, as_text
from keepset.locking import check_writable, hold, hold_both, must_be_writable

__all__ = ["COLLECTION", "FILE", "RichCollectionBase"]

FILE: Literal["file"] = "file"
"""For `find_or_create`: make a file."""
COLLECTION: Literal["collection"] = "collection"
"""For `find_or_create`: make a subcollection."""

Item: TypeAlias = "ArvadosFile | RichCollectionBase"


class RichCollectionBase(Merging):
    """A directory of a collection: the root or a subcollection.

    Iterating gives the names in it, in the order in which they came. `collection[name]` is the file or the
    subcollection of that name; `find` follows a path.
    """

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
        return self._find_or_make(path, create_type == COLLECTION)[0]

    def _find_or_make(self, path: str, wants_directory: bool, events: list[Event] | None = None) -> tuple[Any, bool]:
        """Do what `find_or_create` does.

        Args:
            path: From here.
            wants_directory: What to make.
            events: Takes the events, if somebody else is to tell them.

        Returns:
            The file or subcollection, and whether it is new.
        """
        told: list[Event] = []
        root = self._root
        lock = root._lock
        lock.acquire()
        if self._root is not root:  # what `hold` does, without a call
            lock.release()
            lock, root = hold(self), self._root
        try:
            node, is_directory, made = root._tree.make(self._id, path, wants_directory)
            if root._listeners:
                told = [self._added(new) for new in made]
            found = root._handle(node, is_directory)
        except errors.PathNotADirectoryError:  # to users of 3.2.1 the class itself is an answer
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path) from None
        finally:
            lock.release()
        if events is not None:
            events += told
        elif told:
            deliver(told)
        return found, bool(made)

    def _added(self, node: int) -> Event:
        tree, handle = self._root._tree, self._root._handle
        parent = tree.parent(node) or ROOT
        return handle(parent, True), ADD, tree.name(node), handle(node, tree.is_directory(node))

    def mkdirs(self, path: str) -> Any:
        """Make a subcollection, with those on the way that are missing, and return it.

        Args:
            path: From here.

        Raises:
            ArgumentError: The path is empty, or a component is `.` or `..`.
            FileExistsError: There is something at the path.
            NotADirectoryError: A file stands where a subcollection is needed.
        """
        events: list[Event] = []
        lock = hold(self)
        try:
            if self.find(path) is not None:
                raise FileExistsError(errno.EEXIST, "the name exists", path)
            directory, _ = self._find_or_make(path, True, events)
        finally:
            lock.release()
        deliver(events)
        return directory

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
                read as well, `ab+` begins to read at the start, and `r+` makes a file that is missing.
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
        kind = _kind(mode, encoding is not None or errors is not None or newline is not None)
        writes = kind not in ("r", "rb")
        is_new = False
        if not writes:
            arvfile = self.find(path)
        else:
            if not self._root.writable():
                check_writable(self)
            arvfile, is_new = self._find_or_make(path, False)
        if arvfile is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if kind[0] == "x" and not is_new:
            raise FileExistsError(errno.EEXIST, "the file exists", path)
        if not isinstance(arvfile, ArvadosFile):
            raise IsADirectoryError(errno.EISDIR, "is a directory", path)
        if kind[0] == "w" and not is_new and arvfile.size():
            arvfile.truncate(0)
        retries = self._root.num_retries if num_retries is None else num_retries
        binary = (ArvadosFileWriter if writes else ArvadosFileReader)(arvfile, kind, retries)
        return binary if "b" in kind else as_text(binary, encoding or "utf-8", errors, newline)

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
            found = self._tree.find(self._id, path)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, "no such file or directory", path)
            node, _ = found
            if node == self._id:
                raise errors.ArgumentError(f"a collection cannot remove itself: {path!r}")
            if not recursive and self._tree.count(node):
                raise OSError(errno.ENOTEMPTY, "the subcollection is not empty", path)
            self._root._discard(node, events)
        deliver(events)

    def __delitem__(self, p: str) -> None:
        """Remove a name, with all below it."""
        check_writable(self)
        events: list[Event] = []
        with self.lock:
            found = self._tree.child(self._id, p)
            if found is None:
                raise KeyError(p)
            self._root._discard(found[0], events)
            events[:] = [(self, DEL, p, None) for _ in events]
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
        source = ours(source_obj, self._root)
        events: list[Event] = []
        first, second = hold_both(self, source)
        try:
            self._root._put(source._root, source._id, self._id, target_name, overwrite, reparent, events)
        finally:
            second.release()
            first.release()
        deliver(events)

    def _transfer(
        self, source: str | Item, target_path: str, source_collection: Any, overwrite: bool, moves: bool
    ) -> None:
        """Do what `copy` and `rename` do."""
        check_writable(self._root)
        origin: Any = self
        path = source if isinstance(source, str) else None
        if path is None or source_collection is not None:
            origin = ours(source if path is None else source_collection, self._root)
        events: list[Event] = []
        first, second = hold_both(self, origin)
        try:
            node, name = (origin._id, None) if path is None else _named(origin, path)
            directory, target_name = self._place(target_path, name, not moves, events)
            if moves and not origin.writable():
                raise OSError(errno.EROFS, "the source collection is read-only")
            if target_name or moves:
                self._root._put(origin._root, node, directory, target_name, overwrite, moves, events)
            else:
                self._join(origin._root, node, directory, "theirs" if overwrite else "error", events)
        except errors.MergeConflictError as error:
            raise FileExistsError(errno.EEXIST, "the name exists", error.paths[0]) from None
        finally:
            second.release()
            first.release()
        if events:
            deliver(events)

    def _place(self, target_path: str, name: str | None, makes: bool, events: list[Event]) -> tuple[int, str]:
        """Find the directory that something with this name goes to, or make it, and the name that it gets there."""
        while target_path.startswith("./"):
            target_path = target_path[2:]
        path, _, target_name = target_path.rpartition("/")
        target_name = name or "" if target_name in ("", ".") else target_name
        if not target_name and name is None:
            raise errors.ArgumentError("the target path has no name, and the source is an object: say how to call it")
        target: Any = self
        if path:
            target = self._find_or_make(path, True, events)[0] if makes else self.find(path)
        if target is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        if not isinstance(target, RichCollectionBase):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
        inside = self._root._tree.child(target._id, target_name) if name else None
        if inside is not None and inside[1]:
            return inside[0], name or ""
        return target._id, target_name

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
                way are made. Copying `.` to `` puts all that is in the source here, and joins directories.
            source_collection: Where a path starts; here, if it is None.
            overwrite: Take the place of what is there.

        Raises:
            FileNotFoundError: There is no such source.
            FileExistsError: There is something at the target, and `overwrite` is false.
            NotADirectoryError: A file stands where a path needs a directory.
        """
        self._transfer(source, target_path, source_collection, overwrite, False)

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
        self._transfer(source, target_path, source_collection, overwrite, True)


@functools.cache
def _kind(mode: str, text: bool) -> str:  # a keyword costs time at each `open`
    """Check a mode of `open`; return it in one spelling: one of `rwax`, then `b` unless it is text, then `+`."""
    letters = set(mode)
    actions = letters & set("rwax")
    if len(letters) != len(mode) or len(actions) != 1 or letters - actions - set("bt+") or {"b", "t"} <= letters:
        raise errors.ArgumentError(f"not a mode of open: {mode!r}")
    if text and "b" in letters:
        raise errors.ArgumentError("a binary mode takes no encoding, errors or newline")
    return "".join(actions) + "b" * ("b" in letters) + "+" * ("+" in letters)


def _named(origin: Any, path: str) -> tuple[int, str]:
    """Return the node at a path, and its name."""
    if not path:
        raise errors.ArgumentError("the path must not be empty")
    found = origin._root._tree.find(origin._id, path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "no such file or directory", path)
    name = path.rpartition("/")[2]
    if name in ("", "."):
        name = next((part for part in reversed(path.split("/")) if part not in ("", ".")), "")
    return found[0], name
