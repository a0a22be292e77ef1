"""What keeps the signatures of a record's blocks valid, however long a program goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keepset._core import Tree, merge_changes
from keepset._node import ROOT
from keepset._record import Record, description_of
from keepset._signatures import LIFETIME
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RenewedRecord"]


class RenewedRecord(Record):
    """What the root of a collection does about signatures."""

    if TYPE_CHECKING:

        def _base(self) -> Manifest: ...

    _signature_generation = 0

    def _signature_lifetime(self) -> int:
        """Return for how many seconds a new signature is valid."""
        return int(description_of(self._api_client).get("blobSignatureTtl") or LIFETIME)

    def _sign_again(self) -> Iterator[Manifest]:
        """Fetch the record; and if others have saved other content, what it was when this collection was loaded."""
        if self._manifest_locator is None:
            return
        loaded = (self._api_response or {}).get("portable_data_hash")
        record = self._fetch_record(self._manifest_locator, self.num_retries)
        yield Manifest.parse(record["manifest_text"])
        if loaded not in (None, record["portable_data_hash"]):
            yield Manifest.parse(self._fetch_record(loaded, self.num_retries)["manifest_text"])

    def _take_signatures(self) -> None:
        """Have the tree and its text show the signatures that were asked for while blocks were fetched."""
        manager = self._block_manager
        if manager is None or manager.signatures.generation == self._signature_generation:
            return
        self._signature_generation = manager.signatures.generation
        with self._lock:
            was_committed, base = self.committed(), self._base()
            for manifest in manager.signatures.manifests:
                signed = Tree(manifest)
                merge_changes(self._tree, signed, signed, "ours", "")  # no changes: only signatures are taken
                if manifest.portable_data_hash == base.portable_data_hash:
                    self._source, self._text = manifest, None
            if was_committed:
                self._tree.set_committed(ROOT)
