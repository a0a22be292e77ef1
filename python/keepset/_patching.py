"""Saving what has changed instead of everything, to catalogs that would overwrite what others have saved meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._node import ROOT
from keepset._record import description_of
from keepset._updating import UpdatedRecord
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keepset._core import Tree

__all__ = ["PatchedRecord"]

_REFUSED = (400, 413)
"""What a server answers that cannot do it: a path is gone, it knows no such sources, or the request is too large."""
_MARKS = ("etag", "version", "modified_at", "portable_data_hash")


class PatchedRecord(UpdatedRecord):
    """What the root of a collection does with a record whose content the server can change path by path.

    An Arvados server has no conditional update, but it applies `replace_files` to what the record has at that moment.
    So edits to other paths survive, which somebody has saved since this collection was loaded.
    """

    def _description(self) -> Mapping[str, Any]:
        """Return what the cluster says of its API; nothing, where there is no cluster."""
        return description_of(self._my_api())

    def _is_patchable(self) -> bool:
        """Return whether the catalog takes `replace_files`."""
        methods = self._description().get("resources", {}).get("collections", {}).get("methods", {})
        return "replace_files" in methods.get("update", {}).get("parameters", {})

    def _patch(self, snapshot: Tree, fields: Mapping[str, Any], retries: int) -> bool:
        """Save what a snapshot has that is new, and fields of the record.

        Returns:
            False if the server cannot do it, though nothing stands in its way.

        Raises:
            ConflictError: It cannot do it any more, since somebody has saved something else.
        """
        from keepset.plan import plan_edit

        saved = self._manifest_of(snapshot, ROOT)
        request = plan_edit(self._base(), saved).as_request()
        request["collection"] |= fields
        if request == {"collection": {}}:  # all that was changed has been changed back
            self._tree_was_saved(saved, None)
            return True
        update = self._my_api().collections().update(uuid=self._manifest_locator, body=request)
        try:
            record = update.execute(num_retries=retries)
        except Exception as error:  # that of another library's client is of its own class
            if _status(error) not in _REFUSED:
                raise
            self._refuse_if_outdated(error, retries)
            return False
        self._tree_was_saved(saved, record)
        return True

    def _refuse_if_outdated(self, error: Exception, retries: int) -> None:
        record = self._fetch_record(self._uuid(), retries)
        known = self._api_response or {}
        if any(record.get(mark) != known.get(mark) for mark in _MARKS):
            raise errors.ConflictError.of(409, f"the record has changed, and so this was refused: {error}") from error

    def _tree_was_saved(self, saved: Manifest, record: Mapping[str, Any] | None) -> None:
        """Go on from what the record has now: what was saved, and what others have changed at other paths."""
        with self._lock:
            self._source, self._text = saved, None
        theirs = saved if record is None else Manifest.parse(record["manifest_text"])
        self._merge(theirs, self._api_response if record is None else record, "conflict-file")


def _status(error: Exception) -> int | None:
    status: int | None = getattr(getattr(error, "resp", None), "status", None)
    return status
