"""Collections: trees of files, as objects.

`Collection` is a root; `Subcollection` and `ArvadosFile` are handles, made when somebody touches a node: a reference to
the root and the number of the node. The root keeps a weak table of them, so that a node has one object as long as
anybody holds it, and none otherwise. The tree itself is the engine's.

| class | module | what it adds |
| --- | --- | --- |
| `CollectionBase`, `Directory` | `_directory` | looking at a directory |
| `RichCollectionBase` | `_edits` | changing it |
| `Root` | `_root` | handles, moving nodes about |
| `Record`, `SavedRecord` | `_record`, `_saving` | loading, text; saving, pickles |
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from keepset import errors
from keepset._directory import CollectionBase
from keepset._edits import COLLECTION, FILE, RichCollectionBase
from keepset._node import ROOT, set_root
from keepset._notify import ADD, DEL, MOD, TOK, WRITE
from keepset._readers import FileLikeObjectBase
from keepset._root import Reference, Root, forgetter
from keepset._saving import SavedRecord
from keepset._writers import _WriterFile as _WriterFile
from keepset.arvfile import ArvadosFile, ArvadosFileReader, ArvadosFileWriter, split
from keepset.locking import NoopLock, must_be_writable, synchronized
from keepset.manifest import Manifest
from keepset.stream import StreamReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from keepset._core import Tree
    from keepset.blocks import BlockManager
    from keepset.locking import Lock
    from keepset.plan import Repacking
    from keepset.stream import StreamFileReader
    from keepset.transfer import Progress
    from keepset.writer import CollectionWriter, ResumableCollectionWriter

__all__ = [
    "ADD",
    "COLLECTION",
    "DEL",
    "FILE",
    "MOD",
    "TOK",
    "WRITE",
    "ArvadosFile",
    "ArvadosFileReader",
    "ArvadosFileWriter",
    "Collection",
    "CollectionBase",
    "CollectionReader",
    "CollectionWriter",
    "ResumableCollectionWriter",
    "RichCollectionBase",
    "Subcollection",
    "SynchronizedCollectionBase",
    "must_be_writable",
    "split",
    "synchronized",
]

_FileLikeObjectBase = FileLikeObjectBase
SynchronizedCollectionBase = RichCollectionBase

if not TYPE_CHECKING:  # a type checker would take every name for one that exists

    def __getattr__(name: str) -> object:
        """Load the writers of the older kind, which are built on what is here, when somebody asks for one."""
        if name not in ("CollectionWriter", "ResumableCollectionWriter"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from keepset import writer

        return getattr(writer, name)


_serials = itertools.count()


class Subcollection(RichCollectionBase):
    """A directory below the root of a collection.

    Args:
        parent: The collection that it will belong to. `RichCollectionBase.add` puts it there.
        name: Its name.
    """

    _parent_if_detached: RichCollectionBase | None = None

    def __init__(self, parent: RichCollectionBase, name: str) -> None:
        self._root = parent.root_collection()
        with self._root.lock:
            self._id = self._root._tree.create(name, True)
            self._root._hold(self)
        self._parent_if_detached = parent

    @property
    def _tree(self) -> Tree:  # type: ignore[override]  # the root's
        return self._root._tree

    @property
    def name(self) -> str:
        """The name of the collection in its parent."""
        return self._tree.name(self._id)

    @property
    def num_retries(self) -> int:
        """How often requests are tried again: as for the whole collection."""
        return self._root.num_retries

    @property
    def parent(self) -> RichCollectionBase:
        """The collection that this one is in; the last one, if it was removed."""
        parent = self._tree.parent(self._id)
        if parent is not None:
            return self._root._collection(parent)
        return self._root if self._parent_if_detached is None else self._parent_if_detached

    def clone(self, new_parent: RichCollectionBase | None = None, new_name: str | None = None) -> Subcollection:
        """Return a copy that is not part of any collection yet.

        Args:
            new_parent: The collection that it will belong to; the parent, if it is None.
            new_name: Its name; the same, if it is None.
        """
        copy = Subcollection(
            self.parent if new_parent is None else new_parent, self.name if new_name is None else new_name
        )
        for name, item in self.items():
            copy.add(item, name)
        return copy


class Collection(Root, SavedRecord, RichCollectionBase):
    r"""A collection that can be changed and saved.

    Threads may share it: one lock protects it with all its files and subcollections.

    Args:
        manifest_locator_or_text: The text of a manifest, a `Manifest`, a UUID, a portable data hash, a signed locator
            of a manifest, or a `keep:` URI. Nothing for a new, empty collection.
        api_client: What has the records: `open_store(…)`, or a client of the Arvados API; the default one, if it is
            None.
        keep_client: What has the blocks; that of the `api_client`, if it is None.
        num_retries: How often requests are tried again.
        parent: For the sake of 3.2.1.
        apiconfig: Settings, instead of those of the environment.
        block_manager: One to share with another collection; a new one, if it is None.
        replication_desired: On how many services blocks are stored.
        storage_classes_desired: In which storage classes.
        put_threads: How many uploads run at a time.
        get_threads: How many blocks are fetched ahead of sequential readers at a time; None for the Keep client's
            `num_prefetch_threads`, which is two if nothing else was said.
        packing: Whether small files are packed together when they are closed, at the latest when the collection is
            saved. Otherwise each gets a block of its own.

    Raises:
        ArgumentError: The argument is none of these.
        NotFoundError: There is no such collection.

    Examples:
        >>> from keepset.collection import Collection
        >>> collection = Collection(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n")
        >>> list(collection), collection["a"].size()
        (['a'], 3)
    """

    _id = ROOT
    _is_reader: ClassVar[bool] = False

    def __init__(
        self,
        manifest_locator_or_text: str | bytes | Manifest | None = None,
        api_client: Any = None,
        keep_client: Any = None,
        num_retries: int = 10,
        parent: Any = None,
        apiconfig: Mapping[str, str] | None = None,
        block_manager: BlockManager | None = None,
        replication_desired: int | None = None,
        storage_classes_desired: list[str] | None = None,
        put_threads: int | None = None,
        get_threads: int | None = None,
        *,
        packing: bool = True,
    ) -> None:
        if storage_classes_desired is not None and not isinstance(storage_classes_desired, list):
            raise errors.ArgumentError("storage_classes_desired must be a list of names")
        handles: dict[int, Reference] = {}
        set_root(self, self)
        vars(self).update(
            _serial=next(_serials),
            _lock=NoopLock() if self._is_reader else threading.RLock(),
            _handles=handles,
            _forget=forgetter(handles),
            _pinned={},
            _open_files={},
            _api_client=api_client,
            _keep_client=keep_client,
            _block_manager=block_manager,
            _apiconfig=apiconfig,
            _storage_classes=storage_classes_desired,
            num_retries=num_retries,
            parent=parent,
            replication_desired=replication_desired,
            put_threads=put_threads,
            get_threads=get_threads,
            packing=packing,
        )
        self._load(manifest_locator_or_text)

    _lock: Lock
    _serial: int  # roots are locked in the order in which they were made
    _api_client: Any
    _keep_client: Any
    _block_manager: BlockManager | None
    _has_remote_blocks: bool | None = None
    num_retries: int
    packing: bool

    def stream_name(self) -> str:
        """Return `.`."""
        return "."

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    # Copies.

    _file_class = ArvadosFile
    _directory_class = Subcollection

    def clone(
        self,
        new_parent: Any = None,
        new_name: str | None = None,
        readonly: bool = False,
        new_config: Mapping[str, str] | None = None,
    ) -> Collection:
        """Return a copy without a record. It shares clients, block manager and data.

        Args:
            new_parent: For the sake of 3.2.1.
            new_name: For the sake of 3.2.1.
            readonly: Make it a `CollectionReader`.
            new_config: Settings for the copy; the same ones, if it is None.
        """
        with self.lock:
            self._share(ROOT)
            kind: Any = CollectionReader if readonly else Collection
            manager = self._block_manager
            if manager is None and self._tree.pending_cells():
                manager = self._my_block_manager()
            copy: Collection = kind(
                Manifest.parse(""),
                self._api_client,
                self._keep_client,
                self.num_retries,
                new_parent,
                self._apiconfig if new_config is None else new_config,
                manager,
                self.replication_desired,
                self._storage_classes,
                self.put_threads,
                self.get_threads,
                packing=self.packing,
            )
            copy._tree = self._tree.clone()
            if not readonly:
                copy._tree.set_uncommitted(ROOT)
            copy._has_remote_blocks = self._has_remote_blocks
        return copy

    def repack(
        self,
        *,
        small_size: int | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Repacking:
        """Pack the blocks of which the collection uses little into larger ones. The files stay what they are.

        Args:
            small_size: Blocks of which fewer bytes are used are packed; 32 MiB, if it is None.
            jobs: How many new blocks are put together at a time.
            dry_run: Say what would be done, and do nothing.
            progress: Called with bytes done, bytes in all, and a locator.

        Raises:
            ArgumentError: The collection is read-only, or a number is out of range.
            KeepReadError: A block cannot be read. Nothing has changed.
            KeepWriteError: A block could not be stored. Nothing has changed.
        """
        from keepset import plan

        return plan.repack(self, small_size=small_size, jobs=jobs, dry_run=dry_run, progress=progress)

    def __copy__(self) -> Collection:
        """Return a clone that stays tied to the record."""
        copy: Collection = self._copy_with_record()
        return copy

    def __deepcopy__(self, memo: object) -> Collection:
        """Return a clone that stays tied to the record, with the same clients."""
        copy: Collection = self._copy_with_record()
        return copy


class CollectionReader(Collection):
    """A collection that cannot be changed, and needs no lock.

    Args:
        manifest_locator_or_text: As for `Collection`.
        *args: As for `Collection`.
        **kwargs: As for `Collection`.
    """

    _is_reader = True

    def __init__(self, manifest_locator_or_text: str | bytes | Manifest, *args: Any, **kwargs: Any) -> None:
        super().__init__(manifest_locator_or_text, *args, **kwargs)

    def writable(self) -> bool:
        """Return that it cannot be written."""
        return False

    _stream_text: str | None = None

    def normalize(self) -> None:
        """Have `all_streams` and `all_files` give those of the normal form, as in 1.x; nothing else changes."""
        self._stream_text = self.manifest_text(normalize=True)

    def all_streams(self) -> list[StreamReader]:
        """Return a reader for each stream of the manifest."""
        text = self.manifest_text() if self._stream_text is None else self._stream_text
        return StreamReader.all_of(text, self._my_keep(), self.num_retries)

    def all_files(self) -> Iterator[StreamFileReader]:
        """Yield a binary file object for each file of the manifest, stream by stream."""
        for stream in self.all_streams():
            yield from stream.all_files()
