"""Another process that has collections of a local store, and does with them what it is told.

Each command is a line of JSON: the name of a method of `Collections` and its arguments. The answer is a line, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import keepset
from contents import Folder, become, folder, outcome
from keepset.collection import Collection

if TYPE_CHECKING:
    from keepset.session import Store


def to_json(tree: Folder) -> dict[str, Any]:
    """A tree with texts in place of bytes."""
    return {name: node.decode("latin-1") if isinstance(node, bytes) else to_json(node) for name, node in tree.items()}


def from_json(tree: dict[str, Any]) -> Folder:
    """What `to_json` was made of."""
    return {name: node.encode("latin-1") if isinstance(node, str) else from_json(node) for name, node in tree.items()}


class OtherProcess:
    """The process, as seen from the one that commands it.

    Args:
        store: The folder of the store.
    """

    def __init__(self, store: str) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-c", "import other_process, sys; other_process.serve(sys.argv[1])", store],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def send(self, command: str, *arguments: object) -> None:
        """Give a command, without waiting for the answer."""
        assert self._running.stdin
        self._running.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._running.stdin.flush()

    def receive(self) -> Any:
        """Wait for the answer."""
        assert self._running.stdout
        return json.loads(self._running.stdout.readline())

    def call(self, command: str, *arguments: object) -> Any:
        """Give a command and wait for the answer."""
        self.send(command, *arguments)
        return self.receive()

    def tree(self, number: int) -> Folder:
        """Ask what is in a collection."""
        return from_json(self.call("tree", number))

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.kill()  # it may be in trouble
        self._running.communicate()


class Collections:
    """The collections of the process, by number.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._collections: list[Collection] = []

    def create(self, tree: dict[str, Any], count: int) -> list[str | None]:
        """Save a tree in so many records, and return their UUIDs."""
        uuids = []
        for _ in range(count):
            with Collection(api_client=self._store) as collection:
                become(collection, from_json(tree))
                collection.save_new()
            uuids.append(collection.manifest_locator())
        return uuids

    def load(self, uuids: list[str]) -> None:
        """Have these collections."""
        for collection in self._collections:
            collection.stop_threads()
        self._collections = [Collection(uuid, api_client=self._store) for uuid in uuids]

    def edit(self, operation: str, path: str, argument: str) -> list[str | None]:
        """Edit all collections alike, and return what became of each."""
        return [outcome(lambda one=one: edit(one, operation, path, argument))[1] for one in self._collections]  # type: ignore[misc]

    def save(self, number: int) -> str:
        """Save a collection, and return when its record was changed last."""
        self._collections[number].save()
        return str((self._collections[number].api_response() or {})["modified_at"])

    def update(self, number: int) -> None:
        """Bring in what has become of the record."""
        self._collections[number].update()

    def tree(self, number: int) -> dict[str, Any]:
        """Return what is in a collection."""
        return to_json(folder(self._collections[number]))


def edit(collection: Collection, operation: str, path: str, argument: str) -> None:
    """Write to a file or append to one, or do what a method of a collection does."""
    if operation in ("wb", "ab"):
        with collection.open(path, operation) as file:
            file.write(argument.encode())
    elif operation in ("rename", "copy"):
        getattr(collection, operation)(path, argument)
    elif operation == "remove":
        collection.remove(path, recursive=True)
    else:
        collection.mkdirs(path)


def serve(folder: str) -> None:
    """Do what is told until there is no more."""
    with keepset.open_store(folder) as store:
        collections = Collections(store)
        for line in sys.stdin:
            command, *arguments = json.loads(line)
            print(json.dumps(getattr(collections, command)(*arguments)), flush=True)
