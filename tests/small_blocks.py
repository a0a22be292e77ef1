"""Both libraries with blocks of a few bytes, so that small data crosses their edges."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def small_blocks(size: int) -> Iterator[None]:
    """Make blocks hold so many bytes, files up to half of that be packed, and buffers of a fourth have a room."""
    constants = {"BLOCK_SIZE": size, "KEEP_BLOCK_SIZE": size, "PACKED_SIZE": size // 2, "_MANY": size // 4}
    with contextlib.ExitStack() as patches:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ("keepset", "arvados"):
                for constant, value in constants.items():
                    if constant in vars(module):
                        patches.enter_context(mock.patch.object(module, constant, value))
        yield
