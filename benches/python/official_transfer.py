"""`arv-put` and `arv-get` of arvados-python-client without an API server: `python -m … put|get RECORD DIRECTORY`.

Blocks go to the folder that KEEP_LOCAL_STORE names, the only record to the file RECORD. Both are the commands' own main
functions; what stands in is the API client, which is asked for little.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import arvados
from arvados.commands import get as arv_get
from arvados.commands import put as arv_put

UUID = "zzzzz-4zz18-000000000000000"


class Request:
    """A request that is answered already."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self._reply = reply

    def execute(self, num_retries: int = 0) -> dict[str, Any]:
        """Returns the reply."""
        del num_retries
        return self._reply


class Api:
    """What the two commands ask of an API client: one user, one record."""

    api_token = ""
    insecure = False
    num_retries = 0
    _rootDesc = {"uuidPrefix": "zzzzz", "defaultCollectionReplication": 1}  # noqa: RUF012 - as the real one has it

    def __init__(self, record: Path) -> None:
        self._record = record

    def users(self) -> Api:
        """Returns the resource: this object."""
        return self

    def collections(self) -> Api:
        """Returns the resource: this object."""
        return self

    def current(self) -> Request:
        """Gives the user."""
        return Request({"uuid": "zzzzz-tpzed-000000000000000"})

    def create(self, body: dict[str, Any], **_: object) -> Request:
        """Makes the record."""
        record = body | {"uuid": UUID, "portable_data_hash": "0" * 32 + "+0", "properties": {}, "trash_at": None}
        self._record.write_text(json.dumps(record))
        return Request(record)

    def get(self, uuid: str) -> Request:
        """Finds the record."""
        del uuid
        return Request(json.loads(self._record.read_text()))


def main() -> None:
    """Runs a command."""
    command, record, directory = sys.argv[1:]
    api = Api(Path(record))
    if command == "put":
        arv_put.api_client = api
        arv_put.main(["--no-resume", "--no-cache", "--no-progress", "--silent", f"{directory}/"])
        return
    arvados.api = lambda *_, **__: api
    logging.disable(logging.ERROR)  # on a local store, its threads only log that they cannot fetch ahead
    Path(directory).mkdir()
    raise SystemExit(arv_get.main(["--no-progress", "-r", "--threads", "0", f"{UUID}/", directory]))


if __name__ == "__main__":
    main()
