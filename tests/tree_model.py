"""What a collection should be: nested dicts of bytes, and file objects with a position, in the plainest way.

Every method does what the one of the same name of a collection should do, and raises the builtin error that it should
raise. A file keeps its identity when it is moved, and lives on in an open handle when it is removed.
"""

from __future__ import annotations

import copy
import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from contents import Folder

    Node: TypeAlias = "ModelFile" | "ModelDirectory"
    ModelDirectory: TypeAlias = dict[str, Node]


@dataclass(eq=False)
class ModelFile:
    """A file."""

    data: bytearray = field(default_factory=bytearray)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes, after zeros where there is a gap."""
        if data:
            self.data.extend(bytes(max(0, offset - len(self.data))))
            self.data[offset : offset + len(data)] = data

    def truncate(self, size: int) -> None:
        """Cut, or fill up with zeros."""
        self.data[:] = self.data[:size].ljust(size, b"\0")


@dataclass(eq=False)
class ModelHandle:
    """An open file."""

    file: ModelFile
    mode: str
    position: int = 0

    def write(self, data: bytes) -> int:
        """Write at the position, or at the end."""
        if "a" in self.mode:
            self.position = len(self.file.data)
        self.file.write(self.position, data)
        self.position += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read from the position on."""
        end = len(self.file.data) if size < 0 else self.position + size
        data = bytes(self.file.data[self.position : end])
        self.position += len(data)
        return data

    def readline(self) -> bytes:
        """Read to the end of the line."""
        rest = self.file.data[self.position :]
        return self.read(rest.index(b"\n") + 1 if b"\n" in rest else -1)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        target = offset + [0, self.position, len(self.file.data)][whence]
        if target < 0:
            raise OSError(errno.EINVAL, "before the start")
        self.position = target
        return target

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file."""
        size = self.position if size is None else size
        self.file.truncate(size)
        return size


class Model:
    """A collection."""

    def __init__(self) -> None:
        self.root: ModelDirectory = {}

    def folder(self) -> Folder:
        """Everything, as `contents.folder` reads it from a collection."""
        return _folder(self.root)

    def clone(self) -> Model:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def find(self, path: str) -> Node | None:
        """Return what is at a path."""
        node: Node = self.root
        for name in path.split("/"):
            if isinstance(node, ModelFile):
                raise NotADirectoryError(errno.ENOTDIR, path)
            if name not in node:
                return None
            node = node[name]
        return node

    def make(self, path: str, new: Node) -> Node:
        """Return what is at a path, which is made with all that leads there."""
        directory: Node = self.root
        *parents, name = path.split("/")
        for parent in parents:
            if isinstance(directory, ModelFile):
                raise NotADirectoryError(errno.ENOTDIR, path)
            directory = directory.setdefault(parent, {})
        if isinstance(directory, ModelFile):
            raise NotADirectoryError(errno.ENOTDIR, path)
        return directory.setdefault(name, new)

    def mkdirs(self, path: str) -> None:
        """Make a directory."""
        if self.find(path) is not None:
            raise FileExistsError(errno.EEXIST, path)
        self.make(path, {})

    def open(self, path: str, mode: str) -> ModelHandle:
        """Open a file, in a binary mode."""
        node = self.find(path)
        if "x" in mode and node is not None:
            raise FileExistsError(errno.EEXIST, path)
        if node is None:
            if mode[0] == "r" and "+" not in mode:
                raise FileNotFoundError(errno.ENOENT, path)
            node = self.make(path, ModelFile())
        if not isinstance(node, ModelFile):
            raise IsADirectoryError(errno.EISDIR, path)
        if "w" in mode:
            node.truncate(0)
        return ModelHandle(node, mode, len(node.data) if "a" in mode else 0)

    def remove(self, path: str, recursive: bool) -> None:
        """Remove a file or a directory."""
        node = self.find(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, path)
        if isinstance(node, dict) and node and not recursive:
            raise OSError(errno.ENOTEMPTY, path)
        directory, name = self._parent(path)
        del directory[name]

    def copy(self, source: str, target: str, overwrite: bool) -> None:
        """Copy a file or a directory."""
        node, directory, name = self._place(source, target, overwrite, make=True)
        if directory.get(name) is not node:
            new = copy.deepcopy(node)
            directory.pop(name, None)
            directory[name] = new

    def rename(self, source: str, target: str, overwrite: bool) -> None:
        """Move a file or a directory."""
        node, directory, name = self._place(source, target, overwrite, make=False)
        old = directory.get(name)
        if old is node:
            return
        if _is_within(directory, node) or (old is not None and _is_within(node, old)):
            raise OSError(errno.EINVAL, target)
        origin, origin_name = self._parent(source)
        del origin[origin_name]
        directory.pop(name, None)
        directory[name] = node

    def sort(self) -> None:
        """Put everything in the order in which a manifest has it: the files of a directory, then its directories."""
        self.root = _sorted(self.root)

    def _parent(self, path: str) -> tuple[ModelDirectory, str]:
        parent, _, name = path.rpartition("/")
        directory = self.find(parent) if parent else self.root
        assert isinstance(directory, dict)
        return directory, name

    def _place(self, source: str, target: str, overwrite: bool, make: bool) -> tuple[Node, ModelDirectory, str]:
        """Find the node to copy or move, and the directory and name that it gets."""
        node = self.find(source)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, source)
        parent, _, name = target.rpartition("/")
        directory: Node | None = self.root
        if parent:
            directory = self.make(parent, {}) if make else self.find(parent)
        if directory is None:
            raise FileNotFoundError(errno.ENOENT, parent)
        if isinstance(directory, ModelFile):
            raise NotADirectoryError(errno.ENOTDIR, parent)
        inside = directory.get(name)
        if isinstance(inside, dict):
            directory, name = inside, source.rpartition("/")[2]
        if name in directory and not overwrite:
            raise FileExistsError(errno.EEXIST, target)
        return node, directory, name


def _is_within(node: Node, directory: Node) -> bool:
    """Return whether a node is a directory or somewhere in it."""
    if node is directory:
        return True
    return isinstance(directory, dict) and any(_is_within(node, child) for child in directory.values())


def _folder(directory: ModelDirectory) -> Folder:
    return {
        name: bytes(node.data) if isinstance(node, ModelFile) else _folder(node) for name, node in directory.items()
    }


def _sorted(directory: ModelDirectory) -> ModelDirectory:
    names = sorted(directory, key=lambda name: (isinstance(directory[name], dict), name))
    nodes = {name: directory[name] for name in names}
    return {name: _sorted(node) if isinstance(node, dict) else node for name, node in nodes.items()}
