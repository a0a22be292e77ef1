"""Saving the root of a collection, copies of it that stay tied to its record, and pickles."""

from __future__ import annotations

import contextlib
import datetime
import functools
import inspect
import time
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._node import ROOT
from keepset._patching import PatchedRecord
from keepset._record import default_copies
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from types import TracebackType

    from keepset._core import Tree
    from keepset.collection import Collection

__all__ = ["SavedRecord"]

_ATTEMPTS = 100
"""So often a save is tried that somebody else has been ahead of each time."""


class SavedRecord(PatchedRecord):
    """What the root of a collection does with its record."""

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

        An unmodified collection sends the given fields only, or nothing. Blocks that are signed by another cluster are
        fetched by Keep first. Of a record on a cluster, the paths that have changed are replaced, so that what others
        save meanwhile at other paths stays; if they do so at the same path between the last look and this save, the
        later one wins. A server before Arvados 3.1 is sent the whole content.

        Args:
            properties: New properties of the record.
            storage_classes: New storage classes of the record, and of the blocks that are not stored yet.
            trash_at: When the record goes to the trash.
            merge: Bring in what somebody else has saved in the meantime, as `update` does. False overwrites it.
            num_retries: How often requests are tried again; None for the collection's number.
            preserve_version: Make the catalog keep both this version and the one before.

        Returns:
            The manifest.

        Raises:
            ArgumentError: A field has the wrong type.
            AssertionError: There is something to save, and the collection is tied to no record, or to one of another
                cluster: use `save_new`.
            ConflictError: Others have saved the record again and again, each time before this could.
            KeepWriteError: Some blocks could not be stored. Nothing is lost: save again.
        """
        body = _fields(properties, storage_classes, trash_at)
        if not self._has_uuid():
            if self.committed() and not body:
                return self._text_of(ROOT, ".", strip=False)
            raise errors.AssertionError("the collection is tied to no record: save it with save_new()")
        if preserve_version:
            body["preserve_version"] = True
        if storage_classes is not None:
            self._storage_classes = storage_classes  # in which the blocks of this save are stored, too
        retries = self.num_retries if num_retries is None else num_retries
        if not self.committed():
            self._refuse_other_cluster()
            self._bring_home()
            self._stored()  # before the turn, so that nobody has to wait for that
        with getattr(self._my_api(), "turn", contextlib.nullcontext)():
            for attempt in range(_ATTEMPTS):
                try:
                    self._save(body, merge=merge, retries=retries)
                    break
                except errors.ConflictError:
                    if not merge or attempt == _ATTEMPTS - 1:
                        raise
                    self.update(num_retries=retries)
        return self._text_of(ROOT, ".", strip=False)

    def _save(self, fields: dict[str, Any], *, merge: bool, retries: int) -> None:
        """Save once, unless that would overwrite what somebody else has saved."""
        if merge and not (self.committed() or self._is_conditional()):
            self.update(num_retries=retries)
        text, snapshot = self._ready_to_save()
        body = dict(fields)
        if snapshot is not None and self._storage_classes:
            body.setdefault("storage_classes_desired", self._storage_classes)
        if snapshot is not None and merge and self._is_patchable() and self._patch(snapshot, body, retries):
            return
        if snapshot is not None:
            body["manifest_text"] = text
        if body:
            record = self._send(
                lambda collections, **condition: collections.update(
                    uuid=self._manifest_locator, body=body, **condition
                ),
                merge=merge,
                retries=retries,
            )
            if snapshot is None:
                self._remember_fields(record)
            else:
                self._remember(record)
        self._saved(snapshot)

    def _refuse_other_cluster(self) -> None:
        prefix = self._description().get("uuidPrefix")
        if prefix and not (self._manifest_locator or "").startswith(f"{prefix}-"):
            raise errors.AssertionError(
                f"{self._manifest_locator} is a record of another cluster, and the blocks are on {prefix}: save a copy"
                " with save_new()"
            )

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

        Blocks that are signed by another cluster are fetched by Keep first.

        Args:
            name: The name of the record; one with the time, if it is None.
            create_collection_record: False makes no record: the manifest is stored in Keep, without signatures, so that
                a `CollectionReader` finds it by its portable data hash.
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
        self._bring_home()
        text, snapshot = self._ready_to_save()
        if not create_collection_record:
            self._store_text(text, retries)
            return text
        body["manifest_text"] = text
        body["replication_desired"] = self.replication_desired
        if self.storage_classes_desired():
            body["storage_classes_desired"] = self.storage_classes_desired()
        body["name"] = name or time.strftime("New collection %Y-%m-%d %H:%M:%S %Z", time.localtime())
        if owner_uuid:
            body["owner_uuid"] = owner_uuid
        if preserve_version:
            body["preserve_version"] = True
        # A name that nobody has chosen must not be in anybody's way.
        unique = ensure_unique_name or not name
        record = self._send(
            lambda collections, **_: collections.create(ensure_unique_name=unique, body=body),
            merge=False,
            retries=retries,
        )
        self._remember(record)
        self._manifest_locator = record["uuid"]
        self._saved(snapshot, force=True)
        return self._text_of(ROOT, ".", strip=False)

    def _store_text(self, text: str, retries: int) -> None:
        """Store a manifest in Keep."""
        data = Manifest.parse(text).stripped().text.encode("utf-8", "surrogateescape")
        copies, classes = self.replication_desired or default_copies(self._api_client), self.storage_classes_desired()
        self._my_keep().put(data, copies=copies, num_retries=retries, classes=classes)

    def _ready_to_save(self) -> tuple[str, Tree | None]:
        """Store what is in memory, and return the text to save and the tree that it is of; None if unchanged."""
        tree = self._stored()
        manifest = self._manifest_of(tree, ROOT)
        expiry = manifest.signature_expiry
        if expiry is not None and self._my_block_manager().signatures.renew_if_due(expiry.timestamp()):
            tree = self._stored()
            manifest = self._manifest_of(tree, ROOT)
        return manifest.text, None if tree.is_committed(ROOT) else tree

    def _send(self, request: Any, *, merge: bool, retries: int) -> dict[str, Any]:
        condition: dict[str, str] = {}
        etag = (self._api_response or {}).get("etag")
        if merge and etag and self._is_conditional():
            condition = {"if_match": etag}
        record: dict[str, Any] = request(self._my_api().collections(), **condition).execute(num_retries=retries)
        return record

    def _is_conditional(self) -> bool:
        """Return whether the catalog can refuse to overwrite another version. The API cannot, the local catalog can."""
        collections: Any = type(self._my_api().collections())
        return _takes_condition(collections)

    def _saved(self, snapshot: Tree | None, *, force: bool = False) -> None:
        """Note that a snapshot has been saved; the collection may have changed since."""
        if snapshot is None and not force:
            return
        with self._lock:
            text = (self._api_response or {}).get("manifest_text")
            self._text = text if isinstance(text, str) and text else None
            if snapshot is not None:
                self._source = snapshot.manifest() if self._text is None else None
            if snapshot is None or self._tree.is_same(ROOT, snapshot, ROOT):
                self._tree.set_committed(ROOT, snapshot)

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
            copy._tree.set_committed(ROOT)
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the manifest, the record and the options; what is in memory is stored first."""
        text = self._text_of(ROOT, ".", strip=False)
        options = {
            "num_retries": self.num_retries,
            "replication_desired": self.replication_desired,
            "storage_classes_desired": self._storage_classes,
            "put_threads": self.put_threads,
            "get_threads": self.get_threads,
            "packing": self.packing,
        }
        state = (self._manifest_locator, self._api_response, self.committed())
        return _restore, (type(self), text, options, state)


@functools.cache
def _takes_condition(collections: type) -> bool:
    update = getattr(collections, "update", None)  # those of other libraries may have it on the object alone
    return update is not None and "if_match" in inspect.signature(update).parameters


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
        collection._tree.set_uncommitted(ROOT)
    return collection


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
