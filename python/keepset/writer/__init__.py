"""Collections written from front to back, with the names, arguments and results of the old `arvados.CollectionWriter`.

The files of a stream are laid end to end and cut into blocks of 64 MiB, so that small ones share a block. What is
written decides where blocks begin and end; how long uploads take does not. For anything else, use a `Collection`.

| class | module | what it adds |
| --- | --- | --- |
| `StreamLayout` | `_layout` | names and positions |
| `BlockWriter` | `_cutting` | bytes, blocks, uploads |
| `CollectionWriter` | `_collection` | local files and trees (`_sources`), the collection |
| `ResumableCollectionWriter` | `_resumable` | states, with which another process goes on |
"""

from keepset.writer._collection import CollectionWriter
from keepset.writer._resumable import ResumableCollectionWriter

__all__ = ["CollectionWriter", "ResumableCollectionWriter"]
