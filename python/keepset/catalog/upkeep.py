"""What `verify` and `gc` ask of a local catalog: is it sound, and which blocks does it name?"""

from collections.abc import Iterator
from contextlib import contextmanager

from keepset.catalog import records
from keepset.catalog.database import Database
from keepset.catalog.fields import now
from keepset.manifest import Manifest

_LIVE = (
    "EXISTS (SELECT 1 FROM collections AS c WHERE c.manifest_id = m.id AND (c.delete_at IS NULL OR c.delete_at > :now))"
)


class References:
    """The blocks that manifests name: those of records, past versions and the trash.

    Args:
        database: Where the records are.
        live_only: Leave out what only records name whose time in the trash is over; for a dry run, which does not
            delete them first.
    """

    def __init__(self, database: Database, live_only: bool = False) -> None:
        self._database = database
        self._hashes: set[bytes] = set()
        self._last_id = 0
        for manifest_id, text in _texts(database, _LIVE if live_only else "TRUE"):
            self._add(manifest_id, text)

    def __contains__(self, digest: str) -> bool:
        """Tell whether a block, given by its hash, is named, as of the last time that was looked at."""
        return bytes.fromhex(digest) in self._hashes

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nobody save a record meanwhile, and know all that have been saved before."""
        with self._database.write() as connection:
            rows = connection.execute("SELECT id, text FROM manifests WHERE id > ? ORDER BY id", [self._last_id])
            for manifest_id, text in rows:
                self._add(manifest_id, text)
            yield

    def _add(self, manifest_id: int, text: str) -> None:
        self._hashes.update(bytes.fromhex(locator[:32]) for locator in Manifest.parse(text).blocks())
        self._last_id = manifest_id


def purge(database: Database) -> None:
    """Delete for good the records whose time in the trash is over, and the texts that nobody has any more.

    Args:
        database: Where the records are.

    Raises:
        StoreReadOnlyError: It may not be written to.
    """
    with database.write() as connection:
        records.sweep(connection, now())


def named_blocks(database: Database) -> Iterator[tuple[set[str], list[str]]]:
    """List, for each manifest that a record has, its blocks and the UUIDs of the records.

    Args:
        database: Where the records are.
    """
    for manifest_id, text in _texts(database, _LIVE):
        with database.read() as connection:
            rows = connection.execute("SELECT uuid FROM collections WHERE manifest_id = ? ORDER BY id", [manifest_id])
            uuids = [uuid for (uuid,) in rows]
        if uuids:  # else deleted since
            yield set(Manifest.parse(text).blocks()), uuids


def integrity(database: Database) -> list[str]:
    """Return what SQLite finds wrong with the database; nothing when it is sound.

    Args:
        database: The database.
    """
    with database.read() as connection:
        found = [text for (text,) in connection.execute("PRAGMA integrity_check")]
        found += [
            f"row {row} of {table} names no row of {other}"
            for table, row, other, _ in connection.execute("PRAGMA foreign_key_check")
        ]
    return [text for text in found if text != "ok"]


def _texts(database: Database, condition: str) -> Iterator[tuple[int, str]]:
    """List manifest texts, one transaction each: a long walk must not keep the log from being merged."""
    last_id = 0
    query = f"SELECT m.id, m.text FROM manifests AS m WHERE m.id > :last AND {condition} ORDER BY m.id LIMIT 1"
    while True:
        with database.read() as connection:
            found = connection.execute(query, {"last": last_id, "now": now()}).fetchone()
        if found is None:
            return
        last_id = found[0]
        yield found
