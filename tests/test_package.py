"""The package as it is installed: light to import, one version, typed, and honest about a debug build."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import keepset
import keepset._core
import keepset.locator
import keepset.manifest
from keepset import _core

PACKAGE = Path(keepset.__file__).parent
ROOT = Path(__file__).parent.parent

HEAVY = {
    "asyncio",
    "click",
    "dataclasses",
    "inspect",
    "pathlib",
    "re",
    "rich",
    "sqlite3",
    "typer",
    "typing",
    "urllib3",
    "websockets",
}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that has seen nothing of this one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPSET_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments], env=clean | environment, capture_output=True, text=True, check=False
    )


def test_import_is_light() -> None:
    script = "import sys; before = set(sys.modules); import keepset; print(*sorted(set(sys.modules) - before))"
    result = python("-I", "-W", "ignore", "-c", script)
    assert not result.stderr
    loaded = set(result.stdout.split())
    assert "keepset._core" in loaded
    assert not loaded & HEAVY
    assert not any(name.startswith("keepset.cli") for name in loaded)


def test_version_is_that_of_the_workspace() -> None:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    assert keepset.__version__ == _core.__version__ == workspace["package"]["version"] == metadata.version("keepset")


def test_public_names_exist_and_are_the_engines_own() -> None:
    for module in (keepset, keepset.manifest, keepset.locator, keepset.ranges, keepset.errors):
        assert list(module.__all__) == sorted(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name)
    for module in (keepset.manifest, keepset.locator, keepset.ranges):
        for name in module.__all__:
            assert getattr(module, name) is getattr(_core, name)
    assert keepset.Manifest is _core.Manifest
    assert keepset.KeepLocator is _core.KeepLocator


def test_every_engine_name_is_reexported_or_what_collections_are_made_of() -> None:
    public = {*keepset.manifest.__all__, *keepset.locator.__all__, *keepset.ranges.__all__}
    changes = {"apply_changes", "roots_of", "join_directories", "list_changes", "merge_changes"}
    plans = {"packed_segments", "plan_edit", "plan_repack", "relocate"}
    inner = {"Tree", "join", "prefer_large_pages", *changes, *plans}
    assert set(_core.__all__) - public == {"DEBUG_BUILD", "__version__", "error_codes", *inner}


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()


def test_one_extension_and_no_stale_one_beside_it() -> None:
    assert [path for path in PACKAGE.glob("_core*") if path.suffix in {".so", ".pyd"}] == [Path(_core.__file__)]


@pytest.mark.parametrize("allowed", [False, True])
def test_debug_build_announces_itself(allowed: bool) -> None:
    environment = {"KEEPSET_ALLOW_DEBUG": "1"} if allowed else {}
    result = python("-I", "-W", "error", "-c", "import keepset", **environment)
    announced = "RuntimeWarning: keepset is a debug build" in result.stderr
    assert announced == (_core.DEBUG_BUILD and not allowed)
    assert (result.returncode != 0) == announced


def test_tools_can_ask_for_the_entry_point() -> None:
    scripts = metadata.entry_points(group="console_scripts", name="keepset")
    assert [script.value for script in scripts] == ["keepset.cli:main"]


@pytest.mark.parametrize(
    "module", ["api", "arvfile", "collection", "config", "errors", "keep", "retry", "safeapi", "util"]
)
def test_modules_that_import_arvados_brings_need_no_import(module: str) -> None:
    result = python("-I", "-W", "ignore", "-c", f"import keepset; print(keepset.{module}.__name__)")
    assert (result.stdout.strip(), result.stderr) == (f"keepset.{module}", "")


def test_functions_of_the_api_are_in_the_package_too() -> None:
    from keepset.api import api_from_config, http_cache

    assert (keepset.api_from_config, keepset.http_cache) == (api_from_config, http_cache)
