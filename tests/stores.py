"""What the tests of local stores share: small records, hostile disks, and other processes."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from keepset.api import ThreadSafeAPIClient
from keepset.catalog import fields
from keepset.catalog.local import LocalRequest
from keepset.errors import ApiError
from keepset.session import Store
from samples import locator

# Two blocks with one MD5 (X. Wang and H. Yu, "How to Break MD5 and Other Hash Functions", 2005).
_FIRST = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8f7cdc99f"
    "d91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8ce54b67080a80d1e"
    "c69821bcb6a8839396f9652b6ff72a70"
)
COLLIDING = (
    bytes.fromhex(_FIRST),
    bytes(byte ^ (0x80 if at in {19, 45, 59, 83, 109, 123} else 0) for at, byte in enumerate(bytes.fromhex(_FIRST))),
)

WEEK = 7 * 86400


def text_of(data: bytes, name: str = "file") -> str:
    """A manifest of one file that is one block."""
    return f". {locator(data)} 0:{len(data)}:{name}\n"


def save(store: Store | ThreadSafeAPIClient, data: bytes, **attributes: object) -> dict[str, object]:
    """Store a block and a record that names it."""
    store.keep.put(data)
    made: dict[str, object] = store.collections().create(body={"manifest_text": text_of(data), **attributes}).execute()
    return made


def make_old(path: Path, seconds: float = 4 * WEEK) -> None:
    """Let a file look as if it had been written long ago."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


@contextmanager
def small_disk(size: str = "1m") -> Iterator[Path]:
    """A file system of its own that is soon full; skips the test where there is none to be had."""
    folder = Path(tempfile.mkdtemp())
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "keepset-test", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a file system can only be mounted as root")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


@contextmanager
def without_write_permission(folder: Path) -> Iterator[None]:
    """Let nothing in a folder be written, also when the tests run as root, whom no mode stops."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    root = os.geteuid() == 0
    parents = [parent for parent in folder.parents if parent.stat().st_mode & 0o055 != 0o055] if root else []
    modes |= {parent: parent.stat().st_mode for parent in parents}
    try:
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        for parent in parents:
            parent.chmod(parent.stat().st_mode | 0o055)
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


class Full:
    """Stands in for a function of `os` on a disk that has no space for it, or other trouble."""

    def __init__(self, number: int = errno.ENOSPC) -> None:
        self.number = number

    def __call__(self, *arguments: object, **options: object) -> int:
        raise OSError(self.number, os.strerror(self.number))


@contextmanager
def process(script: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Another interpreter that runs a script; it is killed when the block ends, if it still runs."""
    running = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def kill(running: "subprocess.Popen[str]") -> None:
    """End a process as a power cut would, at whatever it is doing."""
    running.send_signal(signal.SIGKILL)
    running.wait()


def run(*scripts: tuple[object, ...]) -> list[str]:
    """Run scripts with their arguments, all at once, and return what each printed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", *map(str, script)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for script in scripts
    ]
    printed = [running.communicate(timeout=50)[0] for running in started]
    assert [running.returncode for running in started] == [0] * len(started)
    return printed


class Clock:
    """Stands in for `fields.now`, wherever it was imported."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1)

    def __call__(self) -> str:
        return f"{self.moment.isoformat(timespec='microseconds')}000Z"

    def after(self, seconds: float) -> str:
        """The moment so many seconds from now, as a record shows it."""
        return fields.later(self(), seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


def refused(status: int, request: LocalRequest) -> str:
    """The reason for which a request is refused with this status."""
    with pytest.raises(ApiError) as caught:
        request.execute()
    assert caught.value.resp.status == caught.value.status_code == status
    assert caught.value._get_reason() == caught.value.reason
    return caught.value.reason
