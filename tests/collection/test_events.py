"""When and where callbacks run. What they are told is compared with the official client in `interop`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from keepset import arvfile, collection, errors
from keepset.collection import ADD, DEL, MOD, TOK, WRITE

if TYPE_CHECKING:
    from collection.conftest import Maker


def test_the_kinds_are_those_of_3_2_1() -> None:
    assert (ADD, DEL, MOD, TOK, WRITE) == ("add", "del", "mod", "tok", "write")
    for name in ("ADD", "DEL", "MOD", "TOK", "WRITE"):
        assert getattr(arvfile, name) == getattr(collection, name)


def test_callbacks_run_after_the_change_on_its_thread_without_the_lock(make: Maker) -> None:
    made = make()
    seen: list[Any] = []

    def callback(event: str, parent: Any, name: str, item: Any) -> None:
        def look() -> None:
            with made.lock:  # another thread can have it: the one that made the change has let go
                seen.append((event, name, name in parent, item))

        other = threading.Thread(target=look)
        other.start()
        other.join(timeout=30)
        seen.append(threading.current_thread())

    made.subscribe(callback)
    item = made.find_or_create("new", "file")
    made.rename("new", "moved")
    made.remove("moved")
    here = threading.current_thread()
    events = [(ADD, "new", True), (DEL, "new", False), (ADD, "moved", True), (DEL, "moved", False)]
    assert seen == [part for event in events for part in ((*event, item), here)]


def test_a_callback_may_change_the_collection(make: Maker) -> None:
    made = make()
    names: list[str] = []

    def callback(event: str, parent: Any, name: str, item: Any) -> None:
        del item
        names.append(f"{event} {name}")
        if name == "a":
            parent.find_or_create("b", "file")

    made.subscribe(callback)
    made.find_or_create("a", "file")
    assert names == ["add a", "add b"]


def test_the_node_is_told_before_the_root(make: Maker) -> None:
    made = make()
    order: list[str] = []
    made.mkdirs("d/e").subscribe(lambda *event: order.append("node"))
    made["d"].subscribe(lambda *event: order.append("between"))
    made.subscribe(lambda *event: order.append("root"))
    made.find_or_create("d/e/f", "file")
    assert order == ["node", "root"]


def test_there_is_one_callback_for_each_object(make: Maker) -> None:
    made = make()
    made.subscribe(print)
    with pytest.raises(errors.ArgumentError):
        made.subscribe(print)
    made.unsubscribe()
    made.unsubscribe()
    made.subscribe(lambda *event: None)


def test_what_a_callback_raises_reaches_whoever_made_the_change(make: Maker) -> None:
    made = make()

    def callback(*event: Any) -> None:
        raise LookupError(event[2])

    made.subscribe(callback)
    with pytest.raises(LookupError, match="a"):
        made.find_or_create("a", "file")
    assert "a" in made
    assert made.lock.acquire(blocking=False)  # type: ignore[attr-defined]
    made.unsubscribe()


def test_every_change_tells_without_the_lock(make: Maker) -> None:
    made, source = make(), make()
    source.find_or_create("a", "file")
    source.find_or_create("b", "file")
    told: list[str] = []

    def callback(event: str, parent: Any, name: str, item: Any) -> None:
        def look() -> None:
            if made.lock.acquire(timeout=5):  # type: ignore[attr-defined]
                told.append(f"{event} {name}")
                made.lock.release()  # type: ignore[attr-defined]

        other = threading.Thread(target=look)
        other.start()
        other.join(timeout=30)

    made.subscribe(callback)
    made.mkdirs("d")
    made.copy(".", ".", source_collection=source)
    with made.open("x", "xb") as file:
        file.write(b"x")
        file.writelines([b"y"])
        file.flush()
        file.truncate(1)
    made.rename("x", "d/x")
    made.copy("b", "n/c", source_collection=source)
    del made["a"]
    made.unsubscribe()
    assert told == [
        *("add d", "add a", "add b", "add x", "write x", "write x", "mod x", "mod x"),
        *("del x", "add x", "add n", "add c", "del a"),
    ]
