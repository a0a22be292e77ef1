"""The resource `collections` over HTTP: the local catalog, with signatures for whoever asks."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from keepset import Manifest
from keepset.catalog.fields import Record
from keepset.catalog.local import LocalCollections
from keepset.errors import ConflictError, ManifestError
from keepset.serve.calls import Call
from keepset.serve.replacing import CURRENT, GIVEN, Replacement, read_replacements, replace_files, replace_segments
from keepset.serve.replies import Refusal
from keepset.serve.signatures import Signer

__all__ = ["Collections"]

_TEXT = "manifest_text"
_TEXTS = {_TEXT, "unsigned_manifest_text"}
# What has to be known of a record to sign its text.
_DEADLINES = ("trash_at", "is_trashed")
_READ_BYTES = 1 << 27  # `API.MaxIndexDatabaseRead`


class Collections(NamedTuple):
    """The resource, for one caller.

    Attributes:
        local: The records.
        signer: Signs manifests, and checks signatures.
        token: Whose request it is, as sent in the header `Authorization`.
    """

    local: LocalCollections
    signer: Signer
    token: str

    def get(self, uuid: str, call: Call) -> Record:
        """Return a record.

        Args:
            uuid: Its UUID or a portable data hash.
            call: The request.
        """
        record = self.local.get(uuid=uuid, **_only(call, "include_trash", "include_old_versions"), **_select(call))
        return self._signed(record.execute(), call)

    def search(self, call: Call) -> Record:
        """Return a page of records.

        Args:
            call: The request.
        """
        options = _only(
            call, "filters", "order", "limit", "offset", "count", "distinct", "include_trash", "include_old_versions"
        )
        select = call.options.get("select")
        if not isinstance(select, list) or not _TEXTS.intersection(map(str, select)):
            return self.local.list(**options, **({} if select is None else {"select": select})).execute()
        if call.options.get("distinct"):
            raise Refusal(422, "texts cannot be listed with distinct: select portable_data_hash instead")
        options["limit"] = self._limit(options)
        page = self.local.list(**options, select=[*select, *_DEADLINES]).execute()
        page["items"] = [self._signed(item, call) for item in page["items"]]
        return page

    def _limit(self, options: Mapping[str, Any]) -> int:
        """Return how many records with texts a page may have: the texts of a thousand would not fit into memory."""
        page = self.local.list(**{**options, "count": "none"}, select=["portable_data_hash"]).execute()
        size = 0
        for count, item in enumerate(page["items"]):
            size += int(item["portable_data_hash"].partition("+")[2])
            if size > _READ_BYTES and count:
                return count
        return int(page["limit"])

    def create(self, call: Call) -> Record:
        """Make a record.

        Args:
            call: The request.
        """
        body = self._with_content(call, Manifest.parse(""), None)
        made = self.local.create(body=body, **_only(call, "ensure_unique_name"), **_select(call)).execute()
        return self._signed(made, call)

    def update(self, uuid: str, call: Call) -> Record:
        """Change a record.

        Args:
            uuid: Its UUID.
            call: The request.
        """
        if not _replaces(call):
            body = self._with_content(call, None, None)
            return self._signed(self.local.update(uuid=uuid, body=body, **_select(call)).execute(), call)
        while True:
            now = self.local.get(uuid=uuid, select=[_TEXT, "etag"]).execute()
            base = Manifest.parse(now[_TEXT])
            body = self._with_content(call, base, base)
            try:
                changed = self.local.update(uuid=uuid, body=body, if_match=now["etag"], **_select(call)).execute()
            except ConflictError:
                continue  # somebody was faster: what is replaced is the content of that moment
            return self._signed(changed, call)

    def delete(self, uuid: str, call: Call) -> Record:
        """Put a record into the trash, to be deleted as soon as is safe.

        Args:
            uuid: Its UUID.
            call: The request.
        """
        return self._signed(self.local.delete(uuid=uuid, **_select(call)).execute(), call)

    def trash(self, uuid: str, call: Call) -> Record:
        """Put a record into the trash.

        Args:
            uuid: Its UUID.
            call: The request.
        """
        return self._signed(self.local.trash(uuid=uuid, **_select(call)).execute(), call)

    def untrash(self, uuid: str, call: Call) -> Record:
        """Take a record out of the trash.

        Args:
            uuid: Its UUID.
            call: The request.
        """
        options = _only(call, "ensure_unique_name")
        return self._signed(self.local.untrash(uuid=uuid, **options, **_select(call)).execute(), call)

    def relatives(self, uuid: str, call: Call) -> Record:
        """Return what a record was made from, or is used by: there are no containers here, so nothing is known.

        Args:
            uuid: Its UUID or a portable data hash.
            call: The request.
        """
        self.local.get(uuid=uuid, select=["uuid"]).execute()
        return {}

    # Content.

    def _with_content(self, call: Call, base: Manifest | None, current: Manifest | None) -> Mapping[str, Any]:
        """Return the attributes to be saved: signatures checked, and what is replaced replaced.

        Args:
            call: The request.
            base: What is replaced in.
            current: What the source `current` is, if there is such a thing.
        """
        given = call.attributes
        mine = _parsed(given.get(_TEXT))
        if mine is not None:
            self._check(mine.blocks())
        if base is None or not _replaces(call):
            return given
        if given.get(_TEXT) is not None and mine is None:
            raise Refusal(400, "manifest_text is not a valid manifest, so nothing can be taken from it")
        content = mine or base
        if call.options.get("replace_files"):
            content = self._replaced(base, read_replacements(call.options["replace_files"]), mine, current)
        if call.options.get("replace_segments"):
            content, locators = replace_segments(content, call.options["replace_segments"])
            self._check(locators)
        return {**given, _TEXT: content.stripped().text}

    def _replaced(
        self,
        base: Manifest,
        replacements: list[Replacement],
        mine: Manifest | None,
        current: Manifest | None,
    ) -> Manifest:
        if mine is not None and all(replacement.source != GIVEN for replacement in replacements):
            raise Refusal(400, "there is a manifest_text, and no source in replace_files names it")

        def manifest_of(source: str) -> Manifest:
            manifest = {CURRENT: current, GIVEN: mine}[source] if source in (CURRENT, GIVEN) else self._stored(source)
            if manifest is None:
                raise Refusal(400, f"there is no {source} to take anything from")
            return manifest

        return replace_files(base, replacements, manifest_of)

    def _stored(self, portable_data_hash: str) -> Manifest:
        return Manifest.parse(self.local.get(uuid=portable_data_hash, select=[_TEXT]).execute()[_TEXT])

    # Signatures.

    def _check(self, locators: Any) -> None:
        refused = self.signer.refused(locators, self.token, time.time())
        if refused:
            verdict = self.signer.check(refused[0], self.token, time.time())
            more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
            raise Refusal(403, f"{verdict.value}: {refused[0]}{more}; fetch the manifest, or store the block, again")

    def _signed(self, record: Record, call: Call) -> Record:
        """Sign the text of a record for the caller, and leave out what was only needed for that."""
        if record.get(_TEXT) and not record["is_trashed"]:
            expiry = time.time() + self.signer.lifetime
            if record["trash_at"]:
                expiry = min(expiry, datetime.fromisoformat(record["trash_at"][:26] + "+00:00").timestamp())
            record[_TEXT] = self.signer.sign_text(record[_TEXT], self.token, int(expiry))
        select = call.options.get("select")
        if select is None:
            return record
        return {name: value for name, value in record.items() if name in ("kind", "etag") or name in select}


def _only(call: Call, *names: str) -> dict[str, Any]:
    return {name: call.options[name] for name in names if name in call.options}


def _select(call: Call) -> dict[str, Any]:
    """Return the parameter, with what is needed to sign what is selected."""
    select = call.options.get("select")
    if select is None:
        return {}
    if not isinstance(select, list):
        raise Refusal(422, f"select must be a list of attributes: {select!r}")
    return {"select": [*select, *_DEADLINES] if _TEXT in select else select}


def _replaces(call: Call) -> bool:
    return bool(call.options.get("replace_files") or call.options.get("replace_segments"))


def _parsed(text: object) -> Manifest | None:
    """Return the manifest of a request; None if it is none: the catalog says what is wrong with it."""
    if not isinstance(text, str):
        return None
    try:
        return Manifest.parse(text, mode="strict")
    except ManifestError:
        return None
