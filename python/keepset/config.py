"""Settings: the environment and the settings file, under the names of `arvados.config`.

The file has a line `NAME=VALUE` for each setting. It is read as the Go clients read theirs (`sdk/go/arvados/client.go`,
`NewClientFromEnv`): space around both sides is dropped, only the first `=` separates, and what is not a setting whose
name begins with `ARVADOS_` is passed over, so that one odd line does not stop a program. Variables of the environment
with such names win, one by one.

Settings are read once, when the first is asked for; `initialize` reads them again. If `ARVADOS_DEBUG` is among them,
and not empty, the loggers below `keepset` let everything through from then on. No handler is attached to them.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from keepset.errors import ConfigError

__all__ = [
    "EMPTY_BLOCK_LOCATOR",
    "KEEP_BLOCK_SIZE",
    "api_host_and_token",
    "cache_folder",
    "find",
    "flag_is_true",
    "get",
    "initialize",
    "load",
    "settings",
]

KEEP_BLOCK_SIZE = 2**26
"""The largest block, in bytes: 64 MiB (the limit of keepstore and of every client)."""

EMPTY_BLOCK_LOCATOR = "d41d8cd98f00b204e9800998ecf8427e+0"
"""The block of no bytes, which every reader knows without asking."""

_PREFIX = "ARVADOS_"
_TRUE = {"1", "t", "true", "y", "yes"}

_settings: dict[str, str] | None = None


def load(config_file: str | os.PathLike[str]) -> dict[str, str]:
    """Read one settings file.

    Args:
        config_file: Its path.

    Returns:
        The settings in it; the later of two lines for one name counts.

    Raises:
        OSError: The file cannot be read.
    """
    found = {}
    # Not by way of a `Path`, for which no name at all would be the current folder.
    with open(config_file, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        text = file.read()
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        name = name.strip()
        if separator and name.startswith(_PREFIX):
            found[name] = value.strip()
    return found


def find(name: str) -> Path | None:
    """Return the first file of a name in the usual places, which are those of `initialize`; None if there is none.

    Args:
        name: The name, such as `zzzzz.conf` for the settings of another cluster.
    """
    return next((place for place in _usual_places(name) if place.is_file()), None)


def initialize(
    config_file: str | os.PathLike[str] | Callable[[str], Iterable[str | os.PathLike[str]]] | None = None,
) -> None:
    """Read the settings anew, from a file and from the environment.

    Args:
        config_file: The file; or a function that is given the name `settings.conf` and answers with the files to try,
            of which the first that exists is read; or None for the usual places: each folder of
            `$CONFIGURATION_DIRECTORY`, then `arvados` in `$XDG_CONFIG_HOME` (`~/.config`) and in each of
            `$XDG_CONFIG_DIRS` (`/etc/xdg`).

    Raises:
        OSError: A file that is there cannot be read.
    """
    global _settings
    if config_file is None:
        candidates: Iterable[str | os.PathLike[str]] = _usual_places("settings.conf")
    elif callable(config_file):
        candidates = config_file("settings.conf")
    else:
        candidates = [config_file]
    found: dict[str, str] = {}
    for candidate in candidates:
        try:
            found = load(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
        break
    found.update((name, value) for name, value in os.environ.items() if name.startswith(_PREFIX))
    _settings = found
    if found.get("ARVADOS_DEBUG"):
        _log_everything()


def _log_everything() -> None:
    """Have this package log all that it does, unless the program has said what it is to log."""
    import logging

    log = logging.getLogger("keepset")
    if log.level == logging.NOTSET:
        log.setLevel(logging.DEBUG)


def settings() -> dict[str, str]:
    """Return all settings; what is changed in this dictionary counts from then on."""
    if _settings is None:
        initialize()
    assert _settings is not None
    return _settings


def get(key: str, default_val: str | None = None) -> str | None:
    """Return one setting.

    Args:
        key: Its name.
        default_val: What to return when it is not set.
    """
    return settings().get(key, default_val)


def flag_is_true(key: str, d: Mapping[str, str] | None = None) -> bool:
    """Tell whether a setting is `1`, `t`, `true`, `y` or `yes`, in capitals or not.

    Args:
        key: Its name.
        d: Where to look; None for `settings()`.

    Example:
        >>> flag_is_true("ARVADOS_API_HOST_INSECURE", {"ARVADOS_API_HOST_INSECURE": "Yes"})
        True
    """
    return (settings() if d is None else d).get(key, "").lower() in _TRUE


def api_host_and_token(d: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Return the API server's host and the token for it, or None when neither is set.

    Args:
        d: Where to look; None for `settings()`.

    Raises:
        ConfigError: Only one of the two is set.
    """
    found = settings() if d is None else d
    host, token = found.get("ARVADOS_API_HOST"), found.get("ARVADOS_API_TOKEN")
    if host and token:
        return host, token
    if host or token:
        present, absent = ("HOST", "TOKEN") if host else ("TOKEN", "HOST")
        raise ConfigError(
            f"ARVADOS_API_{present} is set, but ARVADOS_API_{absent} is not: set both to use a cluster, in the"
            " environment or in the settings file, or neither to use a local store"
        )
    return None


def cache_folder(name: str) -> Path:
    """Return the folder for what can be had again, which arvados-python-client uses, too; it need not be there.

    It is in the first folder of `$CACHE_DIRECTORY` (made by systemd) that may be written, or else in `arvados` in
    `$XDG_CACHE_HOME` (`~/.cache`).

    Args:
        name: Its name.

    Raises:
        FileNotFoundError: The user has no home folder.
    """
    for folder in _absolute(os.environ.get("CACHE_DIRECTORY", "")):
        if os.access(folder, os.W_OK | os.X_OK):
            return folder / name
    home = next(_absolute(os.environ.get("XDG_CACHE_HOME", "")), _at_home(".cache"))
    if home is None:
        raise FileNotFoundError(errno.ENOENT, "the user has no home folder", "~/.cache")
    return home / "arvados" / name


def _usual_places(name: str) -> Iterator[Path]:
    """List the files to try. Relative folders do not count, as the XDG specification has it."""
    for folder in _absolute(os.environ.get("CONFIGURATION_DIRECTORY", "")):
        yield folder / name  # made by systemd for this program alone, so the file is directly in it
    usual = _at_home(".config")
    home = next(_absolute(os.environ.get("XDG_CONFIG_HOME", "")), usual)
    if usual is not None and home != usual and (usual / "arvados" / name).exists():
        import logging

        logging.getLogger("keepset").warning(
            "XDG_CONFIG_HOME is %s: the settings in %s are not read", home, usual / "arvados" / name
        )
    if home is not None:
        yield home / "arvados" / name
    for folder in _absolute(os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"):
        yield folder / "arvados" / name


def _at_home(name: str) -> Path | None:
    """Return a folder of the user; None if the user has no home, as in many containers."""
    try:
        return Path("~", name).expanduser()
    except RuntimeError:
        return None


def _absolute(folders: str) -> Iterator[Path]:
    for folder in folders.split(":"):
        if Path(folder).is_absolute():
            yield Path(folder)
