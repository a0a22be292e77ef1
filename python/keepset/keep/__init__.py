"""Keep clients: what stores blocks and gives them back.

`BlockClient` says what every one of them does. `keepset.keep.local` keeps the blocks of a local store,
`keepset.keep.flat` those of a `KEEP_LOCAL_STORE`. `KeepLocator` is here since `arvados.keep` has it.
"""

from keepset.keep.base import BlockClient
from keepset.locator import KeepLocator

__all__ = ["BlockClient", "KeepLocator"]
