"""Settings: the environment over the settings file, read as leniently as the Go clients read it."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepset import config, errors
from keepset.keep import KeepBlockCache

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.config")

VARIABLES = ["CONFIGURATION_DIRECTORY", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder with nothing in it, and an environment without settings."""
    for name in [*VARIABLES, "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "nosuch"))
    config._settings = None
    yield tmp_path
    config._settings = None


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.conf"
    path.write_text(text)
    return path


def test_the_constants_are_the_official_ones() -> None:
    assert config.KEEP_BLOCK_SIZE == official.KEEP_BLOCK_SIZE == 67_108_864
    assert config.EMPTY_BLOCK_LOCATOR == official.EMPTY_BLOCK_LOCATOR


def test_a_file_is_read_leniently(home: Path) -> None:
    text = (
        "# a comment\n\n  ARVADOS_API_HOST =  zzzzz.example \nARVADOS_API_TOKEN=a=b==\n"
        "no separator\nexport ARVADOS_X=1\nOTHER=2\nARVADOS_EMPTY=\nARVADOS_TWICE=1\nARVADOS_TWICE=2\r\n=\n"
    )
    assert config.load(write(home, text)) == {
        "ARVADOS_API_HOST": "zzzzz.example",
        "ARVADOS_API_TOKEN": "a=b==",
        "ARVADOS_EMPTY": "",
        "ARVADOS_TWICE": "2",
    }


def test_a_file_without_final_newline_or_in_another_encoding(home: Path) -> None:
    path = home / "settings.conf"
    path.write_bytes(b"ARVADOS_A=caf\xe9\nARVADOS_B=last")
    assert config.load(path) == {"ARVADOS_A": "caf\udce9", "ARVADOS_B": "last"}


def test_a_plain_file_is_read_as_the_official_client_reads_it(home: Path) -> None:
    path = write(home, "# x\nARVADOS_API_HOST=h\n\nARVADOS_API_TOKEN=t   \n")
    assert config.load(path) == official.load(str(path))


def test_the_environment_wins_one_by_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".config" / "arvados", "ARVADOS_A=file\nARVADOS_B=file\n")
    monkeypatch.setenv("ARVADOS_B", "environment")
    monkeypatch.setenv("OTHER", "x")
    assert config.get("ARVADOS_A") == "file"
    assert config.get("ARVADOS_B") == "environment"
    assert config.get("OTHER") is None
    assert config.get("OTHER", "default") == "default"


def test_settings_are_read_once_and_can_be_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.get("ARVADOS_A") is None
    monkeypatch.setenv("ARVADOS_A", "late")
    assert config.get("ARVADOS_A") is None
    config.settings()["ARVADOS_A"] = "by hand"
    assert config.get("ARVADOS_A") == "by hand"
    config.initialize()
    assert config.get("ARVADOS_A") == "late"


def test_the_first_file_counts_and_no_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [home / "unit", home / "xdg" / "arvados", home / "one" / "arvados", home / "two" / "arvados"]
    for number, place in enumerate(places):
        write(place, f"ARVADOS_WHERE={number}\nARVADOS_ONLY_{number}=x\n")
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", f"relative:{home / 'nosuch'}:{home / 'unit'}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"{home / 'one'}:relative:{home / 'two'}")
    for number, place in enumerate(places):
        config.initialize()
        names = {"ARVADOS_WHERE", *(f"ARVADOS_ONLY_{other}" for other in range(len(places)))}
        found = {name: value for name, value in config.settings().items() if name in names}
        assert found == {"ARVADOS_WHERE": str(number), f"ARVADOS_ONLY_{number}": "x"}
        (place / "settings.conf").unlink()
    config.initialize()
    assert config.get("ARVADOS_WHERE") is None


def test_a_relative_configuration_folder_does_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".config" / "arvados", "ARVADOS_A=home\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config.get("ARVADOS_A") == "home"


def test_a_file_that_is_hidden_is_mentioned(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = write(home / ".config" / "arvados", "ARVADOS_A=home\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    with caplog.at_level(logging.WARNING, "keepset"):
        assert config.get("ARVADOS_A") is None
    assert [str(hidden) in record.getMessage() for record in caplog.records] == [True]


def test_a_user_without_a_home_has_other_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert config.get("ARVADOS_API_HOST") is None
    with pytest.raises(FileNotFoundError, match="no home folder"):
        config.cache_folder("keep")
    assert KeepBlockCache(disk_cache=True).block("0" * 32, lambda: b"foo") == b"foo"
    write(home / "nosuch" / "arvados", "ARVADOS_API_HOST=zzzzz.example\n")
    config.initialize()
    assert config.get("ARVADOS_API_HOST") == "zzzzz.example"


def test_a_file_or_a_search_can_be_named(home: Path) -> None:
    path = write(home / "x", "ARVADOS_A=named\n")
    config.initialize(path)
    assert config.get("ARVADOS_A") == "named"
    for absent in (str(home / "nosuch"), ""):
        config.initialize(absent)
        assert config.get("ARVADOS_A") is None
    config.initialize(lambda name: [home / "nosuch" / name, str(home / "x" / name)])
    assert config.get("ARVADOS_A") == "named"


def test_other_files_are_found_beside_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.find("zzzzz.conf") is None
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "system"))
    settings = write(home / "system" / "arvados", "")
    assert config.find("settings.conf") == settings
    (settings.parent / "zzzzz.conf").mkdir()
    assert config.find("zzzzz.conf") is None


def test_a_file_that_cannot_be_read_is_an_error(home: Path) -> None:
    (home / ".config" / "arvados" / "settings.conf").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        config.settings()


@pytest.mark.parametrize("value", ["1", "t", "T", "true", "TRUE", "y", "Yes", "0", "on", "", "no", " 1"])
def test_flags(value: str) -> None:
    settings = {"ARVADOS_FLAG": value}
    assert config.flag_is_true("ARVADOS_FLAG", settings) == official.flag_is_true("ARVADOS_FLAG", settings)
    config.settings()["ARVADOS_FLAG"] = value
    assert config.flag_is_true("ARVADOS_FLAG") == config.flag_is_true("ARVADOS_FLAG", settings)
    assert not config.flag_is_true("ARVADOS_OTHER")


def test_host_and_token_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.api_host_and_token() is None
    monkeypatch.setenv("ARVADOS_API_HOST", "zzzzz.example")
    config.initialize()
    with pytest.raises(errors.ConfigError, match="ARVADOS_API_TOKEN is not") as caught:
        config.api_host_and_token()
    assert isinstance(caught.value, ValueError)
    monkeypatch.setenv("ARVADOS_API_TOKEN", "secret")
    config.initialize()
    assert config.api_host_and_token() == ("zzzzz.example", "secret")
    monkeypatch.setenv("ARVADOS_API_HOST", "")
    config.initialize()
    with pytest.raises(errors.ConfigError, match="ARVADOS_API_HOST is not"):
        config.api_host_and_token()


def test_the_usual_folder_of_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert config.cache_folder("keep") == Path("/home/somebody/.cache/arvados/keep")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert config.cache_folder("keep") == Path("/elsewhere/arvados/keep")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert config.cache_folder("keep") == Path("/home/somebody/.cache/arvados/keep")
    monkeypatch.setenv("CACHE_DIRECTORY", f"relative:/not/there:{tmp_path}")
    assert config.cache_folder("keep") == tmp_path / "keep"
