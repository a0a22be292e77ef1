"""What is in a collection, of keepset or of the official client, as plain nested dicts.

A file is its bytes and a directory a dict of what is in it, by name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("KEEPSET_EXAMPLES", "30"))
"""How many histories the state machines draw."""

STAMP = "~20260102-030405~conflict~"
"""What names of conflict files end with at the moment at which tests of merging stop the clock."""

Node: TypeAlias = Union[bytes, "Folder"]
Folder: TypeAlias = dict[str, Node]


def folder(directory: Any) -> Folder:
    """Read everything in a directory, by the methods that both libraries have."""
    return {name: folder(item) if hasattr(item, "items") else data(item) for name, item in directory.items()}


def data(file: Any) -> bytes:
    """Read a whole file."""
    return bytes(file.readfrom(0, file.size(), 0, exact=True))


def in_order(tree: Folder) -> list[object]:
    """The same with lists instead of dicts, so that a comparison sees the order, too."""
    return [(name, node if isinstance(node, bytes) else in_order(node)) for name, node in tree.items()]


def files(tree: Folder, prefix: str = "") -> dict[str, bytes]:
    """The files alone, by path."""
    found: dict[str, bytes] = {}
    for name, node in tree.items():
        if isinstance(node, bytes):
            found[prefix + name] = node
        else:
            found |= files(node, f"{prefix}{name}/")
    return found


def find(tree: Folder, path: str) -> Node | None:
    """What stands at a path; None also for a path below a file."""
    node: Node | None = tree
    for name in path.split("/"):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def outcome(work: Callable[[], object]) -> tuple[object, str | None]:
    """What came of a call: its result, or the builtin class and the number of its error."""
    try:
        return work(), None
    except OSError as error:
        builtin = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return None, f"{builtin} {error.errno}"


def become(directory: Any, tree: Folder) -> None:
    """Make a directory what a tree says, and touch nothing that is so already, by methods that both libraries have."""
    for name in list(directory):
        if name not in tree or isinstance(tree[name], dict) != hasattr(directory[name], "items"):
            directory.remove(name, recursive=True)
    for name, node in tree.items():
        if isinstance(node, dict):
            if name not in directory:
                directory.mkdirs(name)
            become(directory[name], node)
        elif name not in directory or data(directory[name]) != node:
            with directory.open(name, "wb") as file:
                file.write(node)
