"""Records on their way from one catalog to another: what is read here, what is there already, what is made there."""

from typing import Any

from keepset import errors
from keepset._record import default_copies
from keepset.catalog.fields import LOCAL_USER
from keepset.manifest import Manifest
from keepset.transfer._signatures import block_key

__all__ = ["Item", "SourceRecords", "TargetRecords"]

_RETRIES = 10
_BATCH = 100
_SAME = 100
"""Of collections without a name, so many are looked at for one with the same contents."""


class Item:
    """A collection on its way.

    Args:
        source: What it was called.

    Attributes:
        source: As given.
        name: Its name at the target.
        record: Its record at the source.
        manifest: What it holds.
        portable_data_hash: The hash of that.
        known: A text of the same manifest that the target has signed already; None if there is none.
        uuid: Its UUID at the target, once it is there.
        is_unchanged: Whether it was there before.
        error: Why it could not be copied.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.name = ""
        self.record: dict[str, Any] = {}
        self.manifest = Manifest.parse(b"")
        self.portable_data_hash = ""
        self.known: str | None = None
        self.uuid: str | None = None
        self.is_unchanged = False
        self.error: Exception | None = None

    @property
    def needs_blocks(self) -> bool:
        """Whether the target may lack some of its blocks."""
        return self.error is None and self.uuid is None and self.known is None

    def locators(self) -> dict[str, str]:
        """Return the locators at the source, by hash and size."""
        return {block_key(locator): locator for locator in self.manifest.blocks()}


class SourceRecords:
    """Reads records.

    Args:
        api: The API client that has them.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

    def sizes(self, identifiers: list[str]) -> dict[str, int]:
        """Return how many bytes the files of collections have, as far as the catalog lists them.

        Args:
            identifiers: UUIDs and portable data hashes.
        """
        found: dict[str, int] = {}
        for field in ("uuid", "portable_data_hash"):
            wanted = [identifier for identifier in identifiers if ("+" in identifier) == (field != "uuid")]
            for start in range(0, len(wanted), _BATCH):
                records = self._list(field, wanted[start : start + _BATCH])
                found |= {record[field]: record["file_size_total"] or 0 for record in records}
        return found

    def _list(self, field: str, values: list[str]) -> list[dict[str, Any]]:
        request = self._api.collections().list(
            filters=[[field, "in", values]],
            select=["uuid", "portable_data_hash", "file_size_total"],
            limit=1000,
            count="none",
        )
        items: list[dict[str, Any]] = request.execute(num_retries=_RETRIES)["items"]
        return items

    def read(self, item: Item) -> None:
        """Read a record, also to have new signatures.

        Args:
            item: Gets it.

        Raises:
            ApiError: It cannot be had.
            ManifestError: Its manifest cannot be read.
            TransferError: Its manifest is not the one that it is said to be.
        """
        record = self._api.collections().get(uuid=item.source).execute(num_retries=_RETRIES)
        manifest = Manifest.parse(record["manifest_text"])
        item.portable_data_hash = manifest.portable_data_hash
        if item.portable_data_hash != record["portable_data_hash"]:
            raise errors.TransferError(
                f"the manifest of {item.source} has the portable data hash {item.portable_data_hash}, and its record"
                f" says {record['portable_data_hash']}"
            )
        item.record, item.manifest = record, manifest


class TargetRecords:
    """Makes records.

    Args:
        api: The API client that is to have them.
        project: The UUID of the project or user that is to own them; None for the user whose token it is.
    """

    def __init__(self, api: Any, project: str | None) -> None:
        self._api = api
        self._project = project
        self._owner = project or (
            api.users().current().execute(num_retries=_RETRIES)["uuid"] if hasattr(api, "users") else LOCAL_USER
        )

    def look(self, item: Item) -> None:
        """Find what the target has of a collection.

        Args:
            item: The collection, which is told.

        Raises:
            ArgumentError: It has another one of this name.
        """
        own, contents = ["owner_uuid", "=", self._owner], ["portable_data_hash", "=", item.portable_data_hash]
        for record in self._list([own, ["name", "=", item.name] if item.name else contents]):
            if record["portable_data_hash"] != item.portable_data_hash:
                raise errors.ArgumentError(
                    f"the target has another collection {item.name!r} already, {record['uuid']}: rename one of them"
                )
            if (record["name"] or "") == item.name:
                item.uuid, item.is_unchanged = record["uuid"], True
                return
        if same := self._list([contents]):
            item.known = self._signed(same[0]["uuid"], item.portable_data_hash)

    def _list(self, filters: list[list[str]]) -> list[dict[str, Any]]:
        fields = ["uuid", "name", "portable_data_hash"]
        request = self._api.collections().list(filters=filters, select=fields, limit=_SAME, count="none")
        items: list[dict[str, Any]] = request.execute(num_retries=_RETRIES)["items"]
        return items

    def _signed(self, uuid: str, portable_data_hash: str) -> str | None:
        """Return the text of another collection with the same contents; None if that has changed meanwhile."""
        record = self._api.collections().get(uuid=uuid).execute(num_retries=_RETRIES)
        text: str = record["manifest_text"]
        return text if Manifest.parse(text).portable_data_hash == portable_data_hash else None

    def copies(self, item: Item) -> int:
        """Return on how many services the blocks of a collection are to be.

        Args:
            item: The collection.
        """
        return item.record.get("replication_desired") or default_copies(self._api)

    def create(self, item: Item, text: str, classes: list[str]) -> None:
        """Make the record.

        Args:
            item: The collection, which gets the UUID.
            text: Its manifest, with the signatures of the target.
            classes: Its storage classes; empty for the default ones.

        Raises:
            ApiError: It is refused.
            TransferError: The target has made something else of it.
        """
        body = {"name": item.name, "manifest_text": text, "owner_uuid": self._owner}
        for field in ("description", "properties", "replication_desired"):
            if item.record.get(field):
                body[field] = item.record[field]
        if classes:
            body["storage_classes_desired"] = classes
        made = self._api.collections().create(body=body).execute(num_retries=_RETRIES)
        if made["portable_data_hash"] != item.portable_data_hash:
            raise errors.TransferError(
                f"{item.source} has the portable data hash {item.portable_data_hash}, and its copy {made['uuid']}"
                f" {made['portable_data_hash']}"
            )
        item.uuid = made["uuid"]
