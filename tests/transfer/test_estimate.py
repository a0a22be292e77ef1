"""How large a manifest will be, told before anything is stored."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepset import Collection, Manifest
from keepset.transfer import MAX_REQUEST_SIZE, ManifestSize, _estimate, estimate_manifest_size, upload
from memory_keep import MemoryKeep
from samples import SIGNATURE, A
from small_blocks import small_blocks
from trees import noise

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ["a", "b c", "d/e", "d/é", "d/f/g", "h:", "i/\\j"]


def stored_text(top: Path, signature: str) -> str:
    """The manifest of a real upload."""
    keep = MemoryKeep()
    keep.signature = signature
    collection = Collection(keep_client=keep, get_threads=0)
    collection.upload(top, jobs=1)
    return collection.manifest_text()


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 30), max_size=7), st.integers(1, 12), st.booleans())
def test_it_is_what_an_upload_makes(sizes: dict[str, int], block_size: int, signed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, small_blocks(2 * block_size):
        for number, (name, size) in enumerate(sizes.items()):
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise(size, seed=number))
        Path(folder, "void", "empty").mkdir(parents=True)
        estimated = estimate_manifest_size(folder, signed=signed)
        text = stored_text(Path(folder), f"{SIGNATURE}7fffffff" if signed else "")
        assert len(text.encode()) <= estimated.text
        # Blocks of a few bytes can be the same, and are listed once then.
        blocks = list(Manifest.parse(text).blocks())
        if sum(int(block.split("+")[1]) for block in blocks) == sum(sizes.values()):
            assert (len(text.encode()), len(json.dumps(text))) == estimated[:2]
        else:
            assert len(json.dumps(text)) <= estimated.request


def test_what_is_excluded_does_not_count(tree: Callable[..., Path]) -> None:
    top = tree({"a": b"a", "d/b": b"b", "c": b"c"})
    both = estimate_manifest_size(top, exclude="/d")
    assert both == estimate_manifest_size(top, include=["a", "c"]) < estimate_manifest_size(top)
    assert both < estimate_manifest_size(top, signed=True, exclude="/d", include=None, max_request_size=1 << 30)
    (top / "link").symlink_to("missing")
    assert both == estimate_manifest_size(top, exclude="/d", follow_links=False)
    assert estimate_manifest_size(top / "a", signed=False).text == len(f". {A[:32]}+1 0:1:a\n")


def test_it_warns_of_what_a_server_refuses(tree: Callable[..., Path]) -> None:
    top = tree({"a": b"a"})
    size = estimate_manifest_size(top, signed=False)
    assert size.limit == MAX_REQUEST_SIZE == 128 * 1024 * 1024
    assert size.warning is None
    assert size._replace(limit=size.request).warning is None
    assert size._replace(limit=size.request - 1).warning is not None
    warning = ManifestSize(150 << 20, 160 << 20).warning
    assert warning is not None
    assert warning.startswith("the manifest will have 160.0 MiB, and a server takes 128.0 MiB")


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_upload_warns_before_it_stores(
    tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    top = tree({"a": b"a", "d/b": b"b"})
    keep = MemoryKeep()
    collection = Collection(f". {A} 0:3:old\n", keep_client=keep)
    told: list[str] = []

    def warn(line: str) -> None:
        assert keep.puts == []
        told.append(line)

    upload(collection, top, dry_run=True, warn=warn)
    assert told == []
    limit = len(json.dumps(f". {A} 0:3:old\n")) + estimate_manifest_size(top).request
    monkeypatch.setattr(_estimate, "MAX_REQUEST_SIZE", limit - 3)
    upload(collection, top, dry_run=dry_run, warn=warn)
    assert len(told) == 1
    collection.flush()
    monkeypatch.setattr(_estimate, "MAX_REQUEST_SIZE", limit)
    upload(Collection(f". {A} 0:3:old\n", keep_client=keep), top, dry_run=True, warn=told.append)
    assert len(told) == 1
