"""The root of a collection: its clients, loading it, its text, and storing what is in memory."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._ahead import ReadAhead
from keepset._core import Tree, relocate
from keepset._foreign import keep_of
from keepset._node import ROOT
from keepset._remote import remote_locators, with_locators
from keepset._signatures import Signatures
from keepset.blocks import BlockManager
from keepset.manifest import Manifest, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from keepset.locking import Lock

__all__ = ["DEFAULT_COPIES", "Record", "default_copies", "description_of"]

_UUID = re.compile(r"[a-z0-9]{5}-4zz18-[a-z0-9]{15}")
_LOCATOR = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+[A-Z][A-Za-z0-9@_-]*)*")
_SIGNED = re.compile(r"\+A[0-9a-f]{40}@[0-9a-f]{8}(\+|$)")
DEFAULT_COPIES = 2


def default_copies(api_client: Any) -> int:
    """Return on how many services blocks are stored if nobody says: the cluster's number, where there is one."""
    return int(description_of(api_client).get("defaultCollectionReplication") or DEFAULT_COPIES)


def description_of(api_client: Any) -> Mapping[str, Any]:
    """Return what a cluster says of its API; nothing, where there is no cluster."""
    return getattr(api_client, "_rootDesc", None) or {}


class Record:
    """What only the root of a collection does."""

    if TYPE_CHECKING:
        _lock: Lock
        _open_files: dict[int, Any]
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
        get_threads: int | None
        packing: bool

        def committed(self) -> bool: ...
        def writable(self) -> bool: ...
        def _share(self, node: int) -> None: ...
        def _sign_again(self) -> Iterable[Manifest]: ...
        def _signature_lifetime(self) -> int: ...
        def _take_signatures(self) -> None: ...

    _tree: Tree
    _read_ahead: ReadAhead | None = None
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

            self._api_client = session.default_session(self._apiconfig)
        return self._api_client

    def _my_keep(self) -> Any:
        if self._keep_client is None:
            self._keep_client = keep_of(self._my_api())
        return self._keep_client

    def _my_block_manager(self) -> BlockManager:
        manager = self._block_manager
        if manager is None:
            manager = self._block_manager = BlockManager(
                self._my_keep(),
                self.replication_desired or default_copies(self._api_client),
                self.put_threads,
                self.num_retries,
                self.storage_classes_desired,
                self.get_threads,
                Signatures(self._sign_again, self._signature_lifetime),
            )
        return manager

    @property
    def block_manager(self) -> BlockManager:
        """What stores and fetches the blocks of this collection and of its clones."""
        return self._my_block_manager()

    def _my_read_ahead(self) -> ReadAhead:
        if self._read_ahead is None:
            self._read_ahead = ReadAhead(self._my_block_manager().get_threads)
        return self._read_ahead

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
        self._remember(self._fetch_record(locator, self.num_retries))
        record = self._api_response or {}
        if self.replication_desired is None:
            self.replication_desired = record.get("replication_desired")
        self._set_manifest(Manifest.parse(record["manifest_text"]))

    def _fetch_record(self, locator: str, num_retries: int) -> dict[str, Any]:
        record: dict[str, Any] = self._my_api().collections().get(uuid=locator).execute(num_retries=num_retries)
        return record

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

    def _stored(self) -> Tree:
        """Store everything that is in memory. To be called without the lock, so that reading and writing go on.

        Returns:
            A snapshot of the tree, all of whose bytes are stored.
        """
        self._take_signatures()
        with self._lock:
            if not self._tree.pending_cells():
                return self._tree.clone()
            manager = self._my_block_manager()
            for file in list(self._open_files.values()):
                file._seal()
            self._release_dead()
            # The bytes of the snapshot must stay, whatever becomes of its files meanwhile.
            cells = self._tree.pending_cells()
            manager.share(cells)
            snapshot = self._tree.clone()
        manager.commit_all()
        while (settlements := manager.settlements(cells)) is None:  # meanwhile some have been put back, to be packed
            manager.commit_all()
        with self._lock:
            self._tree.settle(settlements, snapshot)
            if not self._tree.is_clone_of(snapshot):
                snapshot.settle(settlements)
        return snapshot

    def _settled(self) -> Tree:
        """Return a snapshot of the tree with the places of all bytes that are stored; nothing is decided by that."""
        with self._lock:
            snapshot = self._tree.clone()
            cells = snapshot.pending_cells()
            if cells:
                snapshot.settle(self._my_block_manager().places(cells))
            return snapshot

    def _relocate(self, moves: list[tuple[str, int, int, str, int]]) -> None:
        """Read bytes that are stored from other blocks: see the engine's `relocate`."""
        with self._lock:
            relocate(self._tree, moves)
            self._has_remote_blocks = None

    def _release_dead(self, lent: Iterable[int] = ()) -> None:
        """Forget bytes of files that were removed and that nobody holds, and lent ones to which nothing refers."""
        pending, used = [*self._tree.pending_cells(), *lent], self._tree.cells_below(ROOT)
        if len(pending) == len(used):  # each of those is among these, so that they are the same
            return
        unused = set(pending).difference(used)
        for node in list(self._handles):
            if not self._tree.is_attached(node):
                unused.difference_update(self._tree.cells_below(node))
        manager = self._my_block_manager()
        for cell in unused:
            buffer = manager.find(cell)
            if buffer is not None and not buffer.is_shared:
                manager.release(buffer)

    def _manifest_of(self, tree: Tree, node: int, *, only_committed: bool = False) -> Manifest:
        """Return the manifest of a snapshot: what it was read from or saved as, if it has not changed since."""
        if node == ROOT and tree.is_committed(ROOT):
            if self._text is not None:
                return Manifest.parse(self._text)
            if self._source is not None:
                return self._source
        return tree.manifest(node, without_pending=only_committed)

    def _text_of(
        self, node: int, stream_name: str, *, strip: bool, normalize: bool = False, only_committed: bool = False
    ) -> str:
        tree = self._settled() if only_committed else self._stored()
        if self._text is not None and node == ROOT and tree.is_committed(ROOT) and not (strip or normalize):
            return self._text
        manifest = self._manifest_of(tree, node, only_committed=only_committed)
        if normalize:
            manifest = manifest.normalized()
        if strip:
            manifest = manifest.stripped()
        return _below(manifest.text, stream_name)

    def _preview(self, node: int) -> Manifest:
        """Return a manifest as saving would make it, without storing anything."""
        with self._lock:
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
        return self._portable(ROOT).portable_data_hash

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

    def _remote_blocks(self, node: int) -> bool:
        if self._has_remote_blocks is not None:
            return self._has_remote_blocks
        return bool(remote_locators(self._settled_text(node)))

    def _settled_text(self, node: int) -> str:
        """Return the manifest of what is stored, the locators of which say where it is."""
        return self._manifest_of(self._settled(), node, only_committed=True).text

    def _bring_home(self) -> None:
        """Have Keep fetch the blocks that another cluster has signed, and take the signatures of this one for them."""
        if self._has_remote_blocks is False:
            return
        if not (self._has_remote_blocks or self._tree.mentions("+R")):  # else most texts are not worth writing
            return
        text = self._settled_text(ROOT)
        signed = {block: self._my_keep().refresh_signature(old) for block, old in remote_locators(text).items()}
        with self._lock:
            # The signature belongs to the block, whichever file names it: here, one that is in no directory.
            file = self._tree.create("", False)
            for locator in signed.values():
                self._tree.write(file, self._tree.size(file), locator, 0, int(locator.split("+")[1]))
            if signed and self.committed():
                self._text = with_locators(text, signed)
            self._has_remote_blocks = None


def _below(text: str, stream_name: str) -> str:
    """Return a text in normal form with another name for its root."""
    if stream_name == ".":
        return text
    prefix = escape(stream_name)
    return "".join(prefix + line[1:] + "\n" for line in text.split("\n") if line)
