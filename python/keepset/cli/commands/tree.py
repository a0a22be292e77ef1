"""`keepset tree`: the directories of a manifest, drawn."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import typer

from keepset.cli.inputs import with_paths
from keepset.cli.options import Exclude, Human, Include, Json, Manifests, ModeOption
from keepset.cli.output import Output, encode_json
from keepset.cli.paths import Filters, describe, join
from keepset.cli.run import Run, View
from keepset.cli.text import counted, size_text

__all__ = ["tree"]

_TRUNKS = ("│   ", "    ")
_BRANCHES = ("├── ", "└── ")


class _Node(NamedTuple):
    """A file or directory below the root of the tree, which has depth 0."""

    path: str
    name: str
    is_directory: bool
    is_last: bool
    depth: int


def tree(
    manifests: Manifests = None,
    level: Annotated[
        int | None,
        typer.Option("--level", "-L", min=1, metavar="N", help="Go down at most N levels.", show_default=False),
    ] = None,
    directories_only: Annotated[bool, typer.Option("--directories", "-d", help="Directories only.")] = False,
    size: Annotated[bool, typer.Option("--size", "-s", help="Print the size of each entry.")] = False,
    human: Human = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Draw the directories as a tree."""
    filters = Filters(include, exclude)
    with Run() as run, run.output.array(json) as array:
        for view in run.views(with_paths(manifests, run.stores), mode, filters):
            nodes = _nodes(view, level, directories_only)
            if array is not None:
                array.append_text(_json(view, nodes, level))
            else:
                run.output.lines(_drawing(run.output, view, nodes, size or human, human))


def _nodes(view: View, level: int | None, directories_only: bool) -> Iterator[_Node]:
    """Walk depth first, sorted by name, with a stack of its own: manifests nest deeper than Python may call."""
    if view.is_file:
        return
    directories = [view.path]
    pending = [_children(view, view.path, directories_only)]
    while pending:
        child = next(pending[-1], None)
        if child is None:
            pending.pop()
            directories.pop()
            continue
        name, is_directory, is_last = child
        node = _Node(join(directories[-1], name), name, is_directory, is_last, len(pending))
        yield node
        if _is_entered(node, level):
            directories.append(node.path)
            pending.append(_children(view, node.path, directories_only))


def _is_entered(node: _Node, level: int | None) -> bool:
    return node.is_directory and (level is None or node.depth < level)


def _children(view: View, directory: str, directories_only: bool) -> Iterator[tuple[str, bool, bool]]:
    directories, files = view.children(directory)
    children = [(name, True) for name in directories]
    if not directories_only:
        children += [(name, False) for name in files]
    children.sort()
    last = len(children) - 1
    return ((name, is_directory, index == last) for index, (name, is_directory) in enumerate(children))


def _drawing(output: Output, view: View, nodes: Iterator[_Node], with_size: bool, human: bool) -> Iterator[str]:
    def label(path: str, name: str, is_directory: bool) -> str:
        size = f"[{size_text(view.manifest.stat(path).size, human):>{4 if human else 11}}]  " if with_size else ""
        shown = output.name(name)
        return size + (output.styled(shown, "directory") if is_directory else shown)

    yield label(view.path, view.source.inside(view.path), not view.is_file)
    counts = [0, 0]
    trunks: list[str] = []
    for node in nodes:
        counts[node.is_directory] += 1
        del trunks[node.depth - 1 :]
        yield "".join(trunks) + _BRANCHES[node.is_last] + label(node.path, node.name, node.is_directory)
        trunks.append(_TRUNKS[node.is_last])
    files, directories = counts
    yield ""
    yield f"{counted(directories, 'directory', 'directories')}, {counted(files, 'file', 'files')}"


def _json(view: View, nodes: Iterator[_Node], level: int | None) -> Iterator[str]:
    """Write one object, each directory with its `contents`, as the walk comes to them."""

    def opened(path: str, is_entered: bool) -> str:
        entry = encode_json(describe(view.source, view.manifest.stat(path)))
        return entry[:-1] + ', "contents": [' if is_entered else entry

    yield opened(view.path, not view.is_file)
    depth = 0  # of the innermost directory whose contents are being written
    separator = ""
    for node in nodes:
        if node.depth <= depth:
            yield "]}" * (depth + 1 - node.depth)
            separator = ", "
        yield separator + opened(node.path, _is_entered(node, level))
        depth = node.depth if _is_entered(node, level) else node.depth - 1
        separator = "" if _is_entered(node, level) else ", "
    if not view.is_file:
        yield "]}" * (depth + 1)
