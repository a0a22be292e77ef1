"""The root of a collection and its record: loading, the text, storing what is in memory, saving."""

from __future__ import annotations

import datetime
import inspect
import re
import time
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._core import Tree
from keepset.blocks import BlockManager
from keepset.manifest import Manifest, escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from keepset.arvfile import ArvadosFile
    from keepset.collection import Collection

__all__ = ["Record"]

_UUID = re.compile(r"[a-z0-9]{5}-4zz18-[a-z0-9]{15}")
_LOCATOR = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+[A-Z][A-Za-z0-9@_-]*)*")
_SIGNED = re.compile(r"\+A[0-9a-f]{40}@[0-9a-f]{8}(\+|$)")
_ROOT = 0
_DEFAULT_COPIES = 2


class Record:
    """What only the root of a collection does."""

    if TYPE_CHECKING:
        _lock: AbstractContextManager[Any]
        _open_files: dict[int, ArvadosFile]
        _handles: dict[int, Any]
        _api_client: Any
        _keep_client: Any
        _block_manager: BlockManager | None
        _apiconfig: Mapping[str, str] | None
        _storage_classes: list[str] | None
        _has_remote_blocks: bool | None
        num_retries: int
        replication_desired: int | None
        put_threads: int | None
        packing: bool

        def committed(self) -> bool: ...
        def writable(self) -> bool: ...

    _tree: Tree
    _manifest_locator: str | None = None
    _api_response: dict[str, Any] | None = None
    # The text to give back while nothing has changed; None for the one that the tree was read from.
    _text: str | None = None
    # That one, until somebody asks for it.
    _source: Manifest | None = None

    # Clients.

    def _my_api(self) -> Any:
        if self._api_client is None:
            from keepset import session

            self._api_client = session.default_session()
        return self._api_client

    def _my_keep(self) -> Any:
        if self._keep_client is None:
            self._keep_client = self._my_api().keep
        return self._keep_client

    def _my_block_manager(self) -> BlockManager:
        manager = self._block_manager
        if manager is None:
            manager = self._block_manager = BlockManager(
                self._my_keep(),
                self.replication_desired or _DEFAULT_COPIES,
                self.put_threads,
                self.num_retries,
                self.storage_classes_desired,
            )
        return manager

    def storage_classes_desired(self) -> list[str]:
        """Return the storage classes that blocks are stored in; empty for the default ones."""
        if self._storage_classes is not None:
            return self._storage_classes
        return list((self._api_response or {}).get("storage_classes_desired") or [])

    def stop_threads(self) -> None:
        """End the threads that upload blocks. New ones start when they are needed."""
        if self._block_manager is not None:
            self._block_manager.stop_threads()

    # Loading.

    def _load(self, source: object) -> None:
        """Become what the argument of the constructor says."""
        if source is None or source == "" or source == b"":
            self._tree = Tree()
            return
        if isinstance(source, Manifest):
            if source.salvaged:
                raise errors.ArgumentError("a salvaged manifest is not what its text meant, so it is no collection")
            self._set_manifest(source)
            return
        if isinstance(source, bytes):
            source = source.decode("utf-8", "surrogateescape")
        if not isinstance(source, str):
            raise errors.ArgumentError(f"not a manifest, a locator or a UUID: {type(source).__name__}")
        locator = source.removeprefix("keep:").rstrip("/") if source.startswith("keep:") else source
        if _UUID.fullmatch(locator) or _LOCATOR.fullmatch(locator):
            self._manifest_locator = locator
            self._populate()
            return
        try:
            manifest = Manifest.parse(source)
        except errors.ManifestError as error:
            if "\n" in source or " " in source:
                raise
            raise errors.ArgumentError(f"not a manifest, a locator or a UUID: {source!r}") from error
        # A line without locator and file is what is left of a mistyped UUID, not a collection.
        if not (manifest.block_count or manifest.file_count):
            raise errors.ArgumentError(f"not a manifest, a locator or a UUID: {source[:80]!r}")
        self._set_manifest(manifest)

    def _set_manifest(self, manifest: Manifest) -> None:
        self._source, self._text = manifest, None
        self._tree = Tree(manifest)

    def _populate(self) -> None:
        """Fetch the manifest: a signed locator from Keep, anything else from the catalog, then from Keep."""
        locator = self._manifest_locator or ""
        problems: dict[str, Exception] = {}
        is_uuid = _UUID.fullmatch(locator) is not None
        sources = ["catalog"] if is_uuid else ["keep", "catalog"] if _SIGNED.search(locator) else ["catalog", "keep"]
        for source in sources:
            try:
                self._populate_from(source, locator)
            except errors.ManifestError:
                raise
            except Exception as error:  # another library's client raises what it likes
                if is_uuid:
                    raise
                problems[source] = error
            else:
                return
        told = "; ".join(f"{source}: {error}" for source, error in problems.items())
        raise errors.NotFoundError(f"collection {locator} is neither in the catalog nor in Keep ({told})")

    def _populate_from(self, source: str, locator: str) -> None:
        if source == "keep":
            text = bytes(self._my_keep().get(locator, num_retries=self.num_retries))
            self._set_manifest(Manifest.parse(text))
            return
        self._remember(self._my_api().collections().get(uuid=locator).execute(num_retries=self.num_retries))
        self._set_manifest(Manifest.parse((self._api_response or {})["manifest_text"]))

    def _remember(self, response: Mapping[str, Any]) -> None:
        self._api_response = dict(response)

    def manifest_locator(self) -> str | None:
        """Return the UUID or locator that the collection is tied to, or None."""
        return self._manifest_locator

    def api_response(self) -> dict[str, Any] | None:
        """Return the record as the catalog gave it last, or None."""
        return self._api_response

    def get_properties(self) -> dict[str, Any]:
        """Return the properties of the record; empty without a record."""
        return dict((self._api_response or {}).get("properties") or {})

    def get_trash_at(self) -> datetime.datetime | None:
        """Return when the record goes to the trash (an aware time in UTC), or None."""
        moment = (self._api_response or {}).get("trash_at")
        if not moment:
            return None
        # `fromisoformat` takes six digits of a second.
        return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*Z$", r"\1+00:00", moment).replace("Z", "+00:00"))

    def _has_uuid(self) -> bool:
        return self._manifest_locator is not None and _UUID.fullmatch(self._manifest_locator) is not None

    # Text.

    def _commit(self) -> None:
        """Store everything that is in memory. To be called without the lock, so that reading goes on."""
        with self._lock:
            if not self._tree.pending_cells():
                return
            manager = self._my_block_manager()
            for file in list(self._open_files.values()):
                file._seal()
            self._release_dead(manager)
        manager.commit_all()
        with self._lock:
            self._tree.settle(manager.settlements(self._tree.pending_cells()))

    def _release_dead(self, manager: BlockManager) -> None:
        """Forget bytes of files that were removed and that nobody holds."""
        used = set(self._tree.cells_below(_ROOT))
        for node in list(self._handles):
            if not self._tree.is_attached(node):
                used.update(self._tree.cells_below(node))
        for cell in self._tree.pending_cells():
            buffer = manager.find(cell) if cell not in used else None
            if buffer is not None and not buffer.is_shared:
                manager.release(buffer)

    def _manifest_of(self, node: int, *, only_committed: bool = False) -> Manifest:
        with self._lock:
            if node == _ROOT and self.committed():
                if self._text is not None:
                    return Manifest.parse(self._text)
                if self._source is not None:
                    return self._source
            cells = self._tree.pending_cells()
            settlements = self._my_block_manager().settlements(cells) if cells else []
            return self._tree.manifest(node, settlements, without_pending=only_committed)

    def _text_of(
        self, node: int, stream_name: str, *, strip: bool, normalize: bool = False, only_committed: bool = False
    ) -> str:
        if not only_committed:
            self._commit()
        if self._text is not None and node == _ROOT and self.committed() and not (strip or normalize):
            return self._text
        manifest = self._manifest_of(node, only_committed=only_committed)
        if normalize:
            manifest = manifest.normalized()
        if strip:
            manifest = manifest.stripped()
        return _below(manifest.text, stream_name)

    def _preview(self, node: int) -> Manifest:
        """Return a manifest as saving would make it, without storing anything."""
        with self._lock:
            if node == _ROOT and self.committed():
                return self._manifest_of(node)
            cells = self._tree.pending_cells()
            settlements = self._my_block_manager().preview(cells) if cells else []
            return self._tree.manifest(node, settlements)

    def _portable(self, node: int, stream_name: str = ".") -> Manifest:
        manifest = self._preview(node).normalized().stripped()
        return manifest if stream_name == "." else Manifest.parse(_below(manifest.text, stream_name))

    def portable_data_hash(self) -> str:
        """Return the portable data hash: that of the record if nothing has changed since, else the one to be recorded.

        Nothing is stored.
        """
        recorded = (self._api_response or {}).get("portable_data_hash")
        if recorded and self._manifest_locator and self.committed():
            return str(recorded)
        return self._portable(_ROOT).portable_data_hash

    def _settled_tree(self) -> Tree:
        """Return the tree, or a copy in which bytes in memory are named by their hash."""
        with self._lock:
            cells = self._tree.pending_cells()
            if not cells:
                return self._tree
            tree = self._tree.clone()
            tree.settle(self._my_block_manager().preview(cells))
            return tree

    def _flush(self, node: int) -> None:
        with self._lock:
            for file in list(self._open_files.values()):
                if self._tree.is_at_or_below(file._id, node):
                    file._seal()
            cells = self._tree.cells_below(node)
        if cells:
            self._my_block_manager().store(cells)

    def _remote_blocks(self) -> bool:
        if self._has_remote_blocks is None:
            self._has_remote_blocks = any("+R" in block for block in self._preview(_ROOT).blocks())
        return self._has_remote_blocks

    # Saving.

    def save(
        self,
        properties: dict[str, Any] | None = None,
        storage_classes: list[str] | None = None,
        trash_at: datetime.datetime | None = None,
        merge: bool = True,
        num_retries: int | None = None,
        preserve_version: bool = False,
    ) -> str:
        """Save to the record that the collection is tied to.

        An unmodified collection sends the given fields only, or nothing.

        Args:
            properties: New properties of the record.
            storage_classes: New storage classes of the record.
            trash_at: When the record goes to the trash.
            merge: Refuse to overwrite what somebody else has saved in the meantime. False overwrites it.
            num_retries: How often requests are tried again; None for the collection's number.
            preserve_version: Make the catalog keep the version before.

        Returns:
            The manifest.

        Raises:
            ArgumentError: A field has the wrong type.
            AssertionError: The collection is tied to no record: use `save_new`.
            ConflictError: Somebody else has saved the record since it was loaded. Nothing has changed.
            KeepWriteError: Some blocks could not be stored. Nothing is lost: save again.
        """
        body = _fields(properties, storage_classes, trash_at)
        if not self._has_uuid():
            raise errors.AssertionError("the collection is tied to no record: save it with save_new()")
        if preserve_version:
            body["preserve_version"] = True
        retries = self.num_retries if num_retries is None else num_retries
        text, snapshot = self._ready_to_save()
        if snapshot is not None:
            body["manifest_text"] = text
        if body:
            self._send(
                lambda collections, **condition: collections.update(
                    uuid=self._manifest_locator, body=body, **condition
                ),
                merge=merge,
                retries=retries,
            )
            if storage_classes is not None:
                self._storage_classes = storage_classes
        self._saved(snapshot)
        return self._text_of(_ROOT, ".", strip=False)

    def save_new(
        self,
        name: str | None = None,
        create_collection_record: bool = True,
        owner_uuid: str | None = None,
        properties: dict[str, Any] | None = None,
        storage_classes: list[str] | None = None,
        trash_at: datetime.datetime | None = None,
        ensure_unique_name: bool = False,
        num_retries: int | None = None,
        preserve_version: bool = False,
    ) -> str:
        """Save to a new record, which the collection is tied to from then on.

        Args:
            name: The name of the record; one with the time, if it is None.
            create_collection_record: False stores the blocks and makes no record.
            owner_uuid: The user or project that the record belongs to.
            properties: Its properties.
            storage_classes: Its storage classes.
            trash_at: When it goes to the trash.
            ensure_unique_name: Change the name if there is such a record.
            num_retries: How often requests are tried again; None for the collection's number.
            preserve_version: Make the catalog keep this version.

        Returns:
            The manifest.

        Raises:
            ArgumentError: A field has the wrong type, or there are fields and no record.
            ApiError: The catalog refuses the record.
            KeepWriteError: Some blocks could not be stored. Nothing is lost: save again.
        """
        body = _fields(properties, storage_classes, trash_at)
        if body and not create_collection_record:
            raise errors.ArgumentError(f"without a record there is no place for {', '.join(body)}")
        retries = self.num_retries if num_retries is None else num_retries
        if storage_classes is not None:
            self._storage_classes = storage_classes
        text, snapshot = self._ready_to_save()
        if not create_collection_record:
            return text
        body["manifest_text"] = text
        body["name"] = name or time.strftime("New collection %Y-%m-%d %H:%M:%S %Z", time.localtime())
        if owner_uuid:
            body["owner_uuid"] = owner_uuid
        if preserve_version:
            body["preserve_version"] = True
        self._send(
            lambda collections, **_: collections.create(ensure_unique_name=ensure_unique_name, body=body),
            merge=False,
            retries=retries,
        )
        self._manifest_locator = (self._api_response or {})["uuid"]
        self._saved(snapshot, force=True)
        return self._text_of(_ROOT, ".", strip=False)

    def _ready_to_save(self) -> tuple[str, Tree | None]:
        """Store what is in memory, and return the text to save and the tree that it is of; None if unchanged."""
        self._commit()
        with self._lock:
            snapshot = None if self.committed() else self._tree.clone()
            manifest = self._manifest_of(_ROOT)
        return manifest.text, snapshot

    def _send(self, request: Any, *, merge: bool, retries: int) -> None:
        collections = self._my_api().collections()
        condition: dict[str, str] = {}
        etag = (self._api_response or {}).get("etag")
        # The API has no conditional update; the local catalog has.
        if merge and etag and "if_match" in inspect.signature(collections.update).parameters:
            condition = {"if_match": etag}
        self._remember(request(collections, **condition).execute(num_retries=retries))

    def _saved(self, snapshot: Tree | None, *, force: bool = False) -> None:
        """Note that a snapshot has been saved; the collection may have changed since."""
        if snapshot is None and not force:
            return
        with self._lock:
            if snapshot is None or self._tree.is_same(_ROOT, snapshot, _ROOT):
                text = (self._api_response or {}).get("manifest_text")
                self._text = text if isinstance(text, str) and text else None
                if self._text is None and snapshot is not None:
                    self._source = snapshot.manifest()
                self._tree.set_committed(_ROOT)

    # The context, and copies.

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Save, unless there was an exception, nothing can be written, or there is no record; end the threads."""
        try:
            if exc_type is None and self.writable() and self._has_uuid():
                self.save()
        finally:
            self.stop_threads()

    def _copy_with_record(self) -> Any:
        copy: Any = self.clone(readonly=not self.writable())  # type: ignore[attr-defined]
        copy._manifest_locator = self._manifest_locator
        copy._api_response = self._api_response
        if self.committed():
            copy._source, copy._text = self._source, self._text
            copy._tree.set_committed(_ROOT)
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the manifest, the record and the options; what is in memory is stored first."""
        text = self._text_of(_ROOT, ".", strip=False)
        options = {
            "num_retries": self.num_retries,
            "replication_desired": self.replication_desired,
            "storage_classes_desired": self._storage_classes,
            "put_threads": self.put_threads,
            "packing": self.packing,
        }
        state = (self._manifest_locator, self._api_response, self.committed())
        return _restore, (type(self), text, options, state)


def _restore(
    kind: type[Collection],
    text: str,
    options: dict[str, Any],
    state: tuple[str | None, dict[str, Any] | None, bool],
) -> Collection:
    """Make a collection that was pickled."""
    collection = kind(Manifest.parse(text), **options)
    collection._manifest_locator, collection._api_response, committed = state
    if not committed:
        collection._tree.set_uncommitted(_ROOT)
    return collection


def _below(text: str, stream_name: str) -> str:
    """Return a text in normal form with another name for its root."""
    if stream_name == ".":
        return text
    prefix = escape(stream_name)
    return "".join(prefix + line[1:] + "\n" for line in text.split("\n") if line)


def _fields(
    properties: dict[str, Any] | None, storage_classes: list[str] | None, trash_at: datetime.datetime | None
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if properties is not None:
        if not isinstance(properties, dict):
            raise errors.ArgumentError("properties must be a dict")
        body["properties"] = properties
    if storage_classes is not None:
        if not isinstance(storage_classes, list):
            raise errors.ArgumentError("storage_classes must be a list of names")
        body["storage_classes_desired"] = storage_classes
    if trash_at is not None:
        if not isinstance(trash_at, datetime.datetime):
            raise errors.ArgumentError("trash_at must be a datetime")
        moment = trash_at if trash_at.tzinfo else trash_at.replace(tzinfo=datetime.UTC)
        body["trash_at"] = moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return body
