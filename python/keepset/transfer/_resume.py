"""What of an earlier, interrupted upload can be taken over, so that the manifest becomes what it would have been.

Small files are packed in the order in which they are closed. So they are taken over block by block from the first one
on, as long as all that is in a block is as it was, and the file behind it would not have fitted in. Large files have
blocks of their own, and are taken over wherever they are, also their beginnings.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from keepset.blocks import BLOCK_SIZE, PACKED_SIZE
from keepset.manifest import Manifest
from keepset.transfer._checkpoint import Stored
from keepset.transfer._local import LocalFile

if TYPE_CHECKING:
    from keepset.blocks import BlockManager

__all__ = ["taken_over"]


def taken_over(
    files: list[LocalFile], names: dict[str, str], stored: Stored, before: Manifest, manager: "BlockManager"
) -> dict[str, int]:
    """Tell how many bytes of which local files can be taken over; those that are not named have to be read.

    Args:
        files: The local files, in order.
        names: Their paths in the collection, by their own.
        stored: What the earlier upload has stored.
        before: What the collection had before this one.
        manager: Where the blocks should be.
    """
    sizes = {file.name: stored.size(file, names[file.name], manager) for file in files}
    packed = []
    for file in files:
        name = names[file.name]
        is_packed = 0 < file.size <= PACKED_SIZE
        if is_packed and sizes[file.name] == file.size and name in before:
            # What the collection had already, nobody has packed.
            is_packed = before.read_plan(name) != stored.manifest.read_plan(name)
        if is_packed:
            packed.append(file)
    kept = {file.name for pack in _whole_packs(packed, names, sizes, stored.manifest) for file in pack}
    dropped = {file.name for file in packed} - kept
    return {file.name: size for file in files if (size := sizes[file.name]) is not None and file.name not in dropped}


def _whole_packs(
    files: list[LocalFile], names: dict[str, str], sizes: dict[str, int | None], manifest: Manifest
) -> Iterator[list[LocalFile]]:
    """Give the files of each block from the first one on, up to the first that would be packed otherwise now."""
    position = 0
    while position < len(files):
        pack: list[LocalFile] = []
        block, filled = None, 0
        for file in files[position:]:
            plan = manifest.read_plan(names[file.name]) if sizes[file.name] == file.size else []
            if len(plan) != 1 or plan[0][1] != filled or block not in (None, plan[0][0]):
                break
            block = plan[0][0]
            pack.append(file)
            filled += file.size
        position += len(pack)
        if block is None or filled != int(block.split("+")[1]):
            return
        if position < len(files) and filled + files[position].size <= BLOCK_SIZE:
            return
        yield pack
