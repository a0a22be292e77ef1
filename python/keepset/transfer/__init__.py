r"""Local files into collections and back, and collections from place to place: filters, going on, checks, progress.

`Collection.upload` and `Collection.download`, and the commands `put`, `get`, `diff` and `copy`, are thin callers of
this package.

Example:
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from keepset import open_store
    >>> from keepset.collection import Collection
    >>> with TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
    ...     source = Path(folder) / "source"
    ...     (source / "reads").mkdir(parents=True)
    ...     _ = (source / "reads" / "a.txt").write_text("aaa")
    ...     collection = Collection(api_client=store)
    ...     print(collection.upload(source).copied)
    ...     _ = collection.save_new("example")
    ...     print(collection.download(Path(folder) / "copy").copied)
    ...     print((Path(folder) / "copy" / "reads" / "a.txt").read_text())
    ('reads/a.txt',)
    ('reads/a.txt',)
    aaa
"""

from keepset.transfer._checkpoint import Checkpoint
from keepset.transfer._comparable import comparable
from keepset.transfer._copying import Copied, CopiedCollection, copy_collections
from keepset.transfer._download import download
from keepset.transfer._estimate import MAX_REQUEST_SIZE, ManifestSize, estimate_manifest_size
from keepset.transfer._upload import upload, upload_stream
from keepset.transfer._values import Progress, Transferred

__all__ = [
    "MAX_REQUEST_SIZE",
    "Checkpoint",
    "Copied",
    "CopiedCollection",
    "ManifestSize",
    "Progress",
    "Transferred",
    "comparable",
    "copy_collections",
    "download",
    "estimate_manifest_size",
    "upload",
    "upload_stream",
]
