"""Keep clients: what stores blocks and gives them back.

`BlockClient` says what every one of them does. `keepset.keep.local` keeps the blocks of a local store,
`keepset.keep.flat` those of a `KEEP_LOCAL_STORE`, `keepset.keep.cache` those that are in memory. `KeepBlockCache` and
`KeepLocator` are here since `arvados.keep` has them.
"""

from keepset.keep.base import BlockClient
from keepset.keep.cache import KeepBlockCache
from keepset.locator import KeepLocator

__all__ = ["BlockClient", "KeepBlockCache", "KeepLocator"]
