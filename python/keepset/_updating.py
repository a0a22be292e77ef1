"""What others have made of a record: merging it, its versions, and its way to the trash and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from keepset import errors
from keepset._core import Tree, merge_changes
from keepset._foreign import ours
from keepset._merging import stamp
from keepset._node import ROOT
from keepset._notify import Event, deliver
from keepset._renewing import RenewedRecord
from keepset.locking import check_writable
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keepset.collection import CollectionReader

__all__ = ["UpdatedRecord"]

OnConflict: TypeAlias = Literal["conflict-file", "ours", "theirs", "error"]

_PAGE = 1000

_OF_CONTENT = ("etag", "manifest_text", "modified_at", "portable_data_hash", "version")
"""The fields of a record that say which content it is."""


class UpdatedRecord(RenewedRecord):
    """What the root of a collection does with what others have saved."""

    if TYPE_CHECKING:
        _listeners: int

        def _note(self, done: Sequence[tuple[str, int, int]], events: list[Event]) -> None: ...

    def update(
        self, other: Any = None, num_retries: int | None = None, *, on_conflict: OnConflict = "conflict-file"
    ) -> None:
        """Bring in what has become of the record, or of another collection, since this one was loaded or saved.

        What both have changed is a conflict, unless both have made the same of it. What was changed here and removed
        there stays. New signatures are taken in any case.

        Args:
            other: A collection that began as this one did; the record as it is now, if it is None.
            num_retries: How often requests are tried again; None for the collection's number.
            on_conflict: "conflict-file" leaves what is here and writes the other to
                `name~YYYYMMDD-HHMMSS~conflict~`, "ours" leaves the other out, "theirs" lets it take the place, and
                "error" changes nothing at all.

        Raises:
            ArgumentError: The collection is tied to no record, and there is no `other`.
            MergeConflictError: Both have changed something, and that is an error. Nothing has been done.
            OSError: The collection is read-only (`EROFS`).
        """
        check_writable(self)
        if other is not None:
            self._merge(ours(other, self).manifest, None, on_conflict)
            return
        if self._manifest_locator is None:
            raise errors.ArgumentError(
                "the collection is tied to no record, so there must be another one to update from"
            )
        retries = self.num_retries if num_retries is None else num_retries
        record = self._fetch_record(self._manifest_locator, retries)
        if not self._is_outdated(record):
            self._merge(Manifest.parse(record["manifest_text"]), record, on_conflict)

    def _is_outdated(self, record: Mapping[str, Any]) -> bool:
        """Return whether an answer is older than the last one: it may have been on its way for longer."""
        known = self._api_response or {}
        if record.get("uuid") != known.get("uuid"):
            return False
        age = [(answer.get("version") or 0, answer.get("modified_at") or "") for answer in (record, known)]
        return age[0] < age[1]

    def _merge(self, theirs: Manifest, record: Mapping[str, Any] | None, on_conflict: OnConflict) -> None:
        events: list[Event] = []
        with self._lock:
            seen = self._settled_tree()
            was_committed = self.committed()
            their_tree = Tree(theirs)
            done = merge_changes(
                self._tree,
                Tree(self._base()),
                their_tree,
                on_conflict,
                stamp(),
                None if seen is self._tree else seen,
                tells_tokens=bool(self._listeners),
            )
            self._note(done, events)
            if record is not None:
                self._remember(record)
                self._source, self._text = theirs, None
                if was_committed or self._tree.is_same(ROOT, their_tree, ROOT):
                    self._tree.set_committed(ROOT)
        deliver(events)

    def _base(self) -> Manifest:
        """Return what this collection was loaded or saved as."""
        if self._text is not None:
            return Manifest.parse(self._text)
        return self._source or Manifest.parse("")

    # Versions.

    def _uuid(self) -> str:
        if not self._has_uuid():
            raise errors.ArgumentError("the collection is tied to no record: save it with save_new()")
        return str(self._manifest_locator)

    def _current_uuid(self) -> str:
        """Return the UUID of the current version, also if this is a past one."""
        return (self._api_response or {}).get("current_version_uuid") or self._uuid()

    def _versions(self, *filters: list[Any]) -> list[dict[str, Any]]:
        uuid = self._current_uuid()
        collections = self._my_api().collections()
        found: list[dict[str, Any]] = []
        while True:
            # Not by offset: a version that is saved between two pages would move all others.
            older = [["version", "<", found[-1]["version"]]] if found else []
            page = collections.list(
                filters=[["current_version_uuid", "=", uuid], *filters, *older],
                include_old_versions=True,
                order=["version desc"],
                limit=_PAGE,
            ).execute(num_retries=self.num_retries)
            found += page["items"]
            if not page["items"] or len(page["items"]) >= page.get("items_available", 0):
                return found

    def history(self) -> list[dict[str, Any]]:
        """Return the records of all versions that the catalog has kept, the newest first, without their manifests.

        Raises:
            ArgumentError: The collection is tied to no record.
        """
        return self._versions()

    def at_version(self, version: int) -> CollectionReader:
        """Return the collection as it was saved at a version.

        Args:
            version: The number of the version; the first one is 1.

        Raises:
            ArgumentError: The collection is tied to no record.
            NotFoundError: The catalog has not kept that version.
        """
        from keepset.collection import CollectionReader

        found = self._versions(["version", "=", version])
        if not found:
            raise errors.NotFoundError(f"version {version} of {self._current_uuid()} has not been kept")
        return CollectionReader(found[0]["uuid"], api_client=self._my_api(), keep_client=self._my_keep())

    def trash(self, num_retries: int | None = None) -> None:
        """Put the record into the trash, from which `untrash` brings it back for some time.

        Args:
            num_retries: How often requests are tried again; None for the collection's number.

        Raises:
            ArgumentError: The collection is tied to no record.
        """
        self._request("trash", num_retries)

    def untrash(self, num_retries: int | None = None) -> None:
        """Take the record out of the trash.

        Args:
            num_retries: How often requests are tried again; None for the collection's number.

        Raises:
            ApiError: It is not there any more.
            ArgumentError: The collection is tied to no record.
        """
        self._request("untrash", num_retries)

    def _request(self, method: str, num_retries: int | None) -> None:
        retries = self.num_retries if num_retries is None else num_retries
        request = getattr(self._my_api().collections(), method)
        self._remember_fields(request(uuid=self._uuid()).execute(num_retries=retries))

    def _remember_fields(self, record: Mapping[str, Any]) -> None:
        """Remember the answer to a request that changed fields only.

        If somebody else has saved other content, this collection still goes on from the version that it has, so that
        the next save brings both together.
        """
        known = self._api_response or {}
        kept = _OF_CONTENT if record.get("portable_data_hash") != known.get("portable_data_hash") else ()
        self._remember({**known, **record, **{name: known[name] for name in kept if name in known}})
