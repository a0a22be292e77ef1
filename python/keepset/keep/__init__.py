"""Keep clients: what stores blocks and gives them back.

`KeepClient` is the one for programs: on the services of a cluster (`keepset.keep.network`), or on the folder of a
`KEEP_LOCAL_STORE` (`keepset.keep.flat`). `keepset.keep.local` keeps the blocks of a local store. `BlockClient` says
what every one of them does, and `KeepBlockCache` keeps what was read. `KeepLocator` is here as `arvados.keep` has it.
"""

from typing import TYPE_CHECKING

from keepset.keep.base import BlockClient
from keepset.keep.cache import KeepBlockCache
from keepset.locator import KeepLocator

if TYPE_CHECKING:
    from keepset.keep.client import KeepClient

__all__ = ["BlockClient", "KeepBlockCache", "KeepClient", "KeepLocator"]


def __getattr__(name: str) -> object:
    """Load the network client when it is first asked for: local stores do without urllib3."""
    if name == "KeepClient":
        from keepset.keep.client import KeepClient

        return KeepClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
