"""What Python asks of the engine on the way to a collection, apart from manifests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepset._core import Tree, join, prefer_large_pages


@given(st.lists(st.binary(max_size=50).flatmap(lambda data: st.sampled_from([data, bytearray(data)]))))
def test_join_is_that_of_bytes(parts: list[bytes | bytearray | memoryview]) -> None:
    """Whether small files are packed in one block or the other, their bytes lie one after the other."""
    assert join(parts, sum(map(len, parts))) == b"".join(parts)


def test_join_of_more_than_a_large_page() -> None:
    """From 4 MiB on the bytes lie on other pages."""
    parts: list[bytes | bytearray | memoryview] = [bytes([number]) * 100_000 for number in range(100)]
    assert join(parts, 10_000_000) == b"".join(parts)


def test_large_pages_change_no_contents() -> None:
    """They are asked for where it is worth it, and where the buffer is one that can be written."""
    for size in (10, 5_000_000):
        buffer = bytearray(range(10)) * (size // 10)
        for asked in (buffer, memoryview(buffer)[3:], memoryview(bytes(buffer))):
            prefer_large_pages(asked)
        assert buffer == bytearray(range(10)) * (size // 10)


def test_clones_are_known_until_one_is_edited() -> None:
    """A clone is the same tree until either changes."""
    tree = Tree()
    clone = tree.clone()
    assert tree.is_clone_of(clone)
    assert clone.is_clone_of(tree)
    assert not tree.is_clone_of(Tree())
    clone.make(0, "a", False)
    assert not tree.is_clone_of(clone)
    assert tree.find(0, "a") is None


def test_what_is_not_saved_of_a_file() -> None:
    """The cells and the size of a file, until it is said to be saved."""
    tree = Tree()
    file, _, _ = tree.make(0, "a", False)
    tree.write(file, 0, 7, 0, 10)
    tree.write(file, 10, 5, 2, 10)
    assert tree.unsaved(file) == ([5, 7], 20)
    tree.set_committed(0)
    assert tree.unsaved(file) is None
