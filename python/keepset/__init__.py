r"""Arvados Keep collections and manifests, with the engine in Rust.

Example:
    >>> import keepset
    >>> manifest = keepset.Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n")
    >>> list(manifest.files())
    [('foo.txt', 3)]
    >>> manifest.portable_data_hash
    '83367e8913dcec0bf3fc25ed5a27eacb+49'

Importing this package is cheap: the command line's libraries are loaded by `keepset.cli` alone, and what belongs to
stores (SQLite and so on) when a name of theirs is first used. So are the modules that `import arvados` brings, such as
`keepset.util`, which need no import of their own either.
"""

from keepset import errors, ranges
from keepset._core import DEBUG_BUILD as _DEBUG_BUILD
from keepset._core import __version__
from keepset.locator import KeepLocator
from keepset.manifest import Manifest, escape, normalize_stream, unescape

TYPE_CHECKING = False  # as in `typing`, which would make the import slower
if TYPE_CHECKING:
    from keepset import arvfile, collection, config, keep, retry, safeapi, util
    from keepset.api import api, api_from_config, http_cache
    from keepset.collection import Collection, CollectionReader
    from keepset.keep.client import KeepClient
    from keepset.session import open_store
    from keepset.writer import CollectionWriter, ResumableCollectionWriter

__all__ = [
    "Collection",
    "CollectionReader",
    "CollectionWriter",
    "KeepClient",
    "KeepLocator",
    "Manifest",
    "ResumableCollectionWriter",
    "__version__",
    "api",
    "api_from_config",
    "arvfile",
    "collection",
    "config",
    "errors",
    "escape",
    "http_cache",
    "keep",
    "normalize_stream",
    "open_store",
    "ranges",
    "retry",
    "safeapi",
    "unescape",
    "util",
]

# Modules that are loaded when they are first used; `api` can be called, too.
_MODULES = {"api", "arvfile", "collection", "config", "keep", "retry", "safeapi", "util"}

_LAZY = {
    "Collection": "keepset.collection",
    "CollectionReader": "keepset.collection",
    "CollectionWriter": "keepset.writer",
    "KeepClient": "keepset.keep.client",
    "ResumableCollectionWriter": "keepset.writer",
    "api_from_config": "keepset.api",
    "http_cache": "keepset.api",
    "open_store": "keepset.session",
}

if not TYPE_CHECKING:  # a type checker would take every name for one that exists

    def __getattr__(name: str) -> object:
        """Load the module that has a name, or is called so, when the name is first used."""
        if name not in _LAZY and name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        value = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return value


def __dir__() -> list[str]:
    """List what is loaded and what would be."""
    return sorted({*globals(), *_LAZY, *_MODULES})


if _DEBUG_BUILD:
    # Nobody should measure, or ship, a build that is ten times slower than it looks.
    import os

    if not os.environ.get("KEEPSET_ALLOW_DEBUG"):
        import warnings

        warnings.warn(
            "keepset is a debug build: everything is much slower than in a release build"
            " (set KEEPSET_ALLOW_DEBUG=1 to silence this)",
            RuntimeWarning,
            stacklevel=2,
        )
