"""What the documentation shows is run: Python and console blocks of the pages, and examples in docstrings.

A page is a session: its blocks run in order, in a folder that holds the real manifest `1000G_ref_manifest`.

- A `python` block with `>>>` prompts is a doctest (`...` in its output stands for anything); one without is a script.
- A `console` block has commands behind `$ `, with further lines behind `> `, each with the output that it must print,
  errors included; `...` again stands for anything. `sh` blocks (installing, building) are not run.
- `<!-- not run: why -->` on the line before a block leaves it out.
"""

import doctest
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import typer.testing

import keepset
from keepset import _core
from keepset.cli.app import app
from keepset.cli.exits import ExitCode
from keepset.serve.access import Access

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPTIONS = doctest.ELLIPSIS

FENCE = re.compile(
    r"^(?P<skip><!-- not run: .+ -->\n+)?(?P<indent>[ ]*)```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """A piece of code on a page."""

    language: str
    code: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Find the blocks of a page that are to be run."""
    for match in FENCE.finditer(text):
        if not match["skip"]:
            code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            yield Block(match["language"], code, text.count("\n", 0, match.start("code")) + 1)


def run_doctest(code: str, names: dict[str, object], where: str, line: int = 0) -> None:
    """Run one doctest; what it defines stays in `names`."""
    test = doctest.DocTestParser().get_doctest(code, names, where, where, line)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    if report:
        pytest.fail("".join(report), pytrace=False)


def run_console(code: str, where: str) -> None:
    """Run the commands of a block and compare what they print."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }
    for step in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *lines = step.splitlines(keepends=True)
        while lines and lines[0].startswith("> "):
            command += lines.pop(0).removeprefix("> ")
        expected = "".join(lines)
        result = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not doctest.OutputChecker().check_output(expected.rstrip(), result.stdout.rstrip(), doctest.ELLIPSIS):
            pytest.fail(f"{where}: {command}printed\n{result.stdout}and not\n{expected}", pytrace=False)


def use_own_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep examples away from the store and the state of whoever runs the tests."""
    for name in ("KEEP_LOCAL_STORE", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEPSET_STORE", str(folder.with_name(f"{folder.name}-store")))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.with_name(f"{folder.name}-state")))


@pytest.mark.timeout(300)  # the page of the command line has a hundred processes
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "tests" / "data" / "1000G_ref_manifest", tmp_path)
    monkeypatch.chdir(tmp_path)
    use_own_store(tmp_path, monkeypatch)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.language == "console":
            run_console(block.code, where)
        elif block.language == "python" and ">>> " in block.code:
            run_doctest(block.code, names, where)
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def modules() -> Iterator[ModuleType]:
    """Import every module of the package that is written in Python."""
    yield keepset
    for found in pkgutil.walk_packages(keepset.__path__, "keepset."):
        if found.name not in {"keepset._core", "keepset.__main__"}:
            yield importlib.import_module(found.name)


def test_examples_in_python_docstrings() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in modules():
        for test in finder.find(module):
            run_doctest(test.docstring or "", dict(test.globs), test.name, test.lineno or 0)


def engine_docstrings() -> Iterator[tuple[str, str]]:
    """Find what the compiled module says about each public name: `doctest` itself does not look into it."""
    yield "keepset._core", _core.__doc__ or ""
    for name in _core.__all__:
        value = getattr(_core, name)
        if not callable(value):
            continue
        yield name, value.__doc__ or ""
        if isinstance(value, type):
            for member, attribute in vars(value).items():
                if not member.startswith("_"):
                    yield f"{name}.{member}", attribute.__doc__ or ""


@pytest.mark.parametrize(("name", "docstring"), [pytest.param(*found, id=found[0]) for found in engine_docstrings()])
def test_engine_names_are_documented(
    name: str, docstring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert docstring.strip()
    shutil.copy(ROOT / "tests" / "data" / "1000G_ref_manifest", tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {public: getattr(keepset, public) for public in keepset.__all__}
    run_doctest(docstring, {"keepset": keepset, **names}, name)


CLI_PAGE = ROOT / "docs" / "cli.md"


def test_commands_and_their_options_are_documented() -> None:
    page = CLI_PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    shared = page[: page.index("## ls")] + sections["normalize"]
    command_line = typer.main.get_command(app)
    commands = dict(command_line.commands)  # type: ignore[attr-defined]
    for command in commands["collections"].commands.values():
        commands["collections"].params += command.params
    for name, command in commands.items():
        for option in (option for parameter in command.params for option in parameter.opts):
            assert not option.startswith("-") or f"`{option}`" in sections[name] + shared, f"{name} {option}"


def test_exit_codes_are_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", CLI_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == [str(int(code)) for code in ExitCode]


JSON_EXAMPLES = {
    "ls": ["small"],
    "find": ["small"],
    "tree": ["small"],
    "du": ["small"],
    "stat": ["small", "small/d", "small/d/a"],
    "blocks": ["small"],
    "pdh": ["small"],
    "validate": ["small", "bad"],
    "normalize": ["small"],
    "strip": ["small"],
    "extract": ["small", "d"],
    "union": ["small", "other"],
    "merge": ["--base", "small", "small", "other"],
    "diff": ["small", "other"],
    "plan": ["small", "other"],
    "version": [],
    "put": ["small", "--name", "new"],
    "get": ["stored", "."],
    "collections": ["list"],
    "history": ["stored"],
    "repack": ["stored"],
    "verify": [],
    "gc": [],
    "serve": ["--tokens"],
}


def keys(document: object) -> Iterator[str]:
    """Find the keys of all the objects in a JSON document."""
    if isinstance(document, dict):
        yield from (key for key in document if not key.startswith("/"))  # a target of a plan
    if isinstance(document, dict | list):
        for item in document.values() if isinstance(document, dict) else document:
            yield from keys(item)


@pytest.mark.parametrize("command", JSON_EXAMPLES)
def test_fields_of_json_are_documented(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_own_store(tmp_path, monkeypatch)
    with keepset.open_store() as store:
        damaged = tmp_path.with_name(f"{tmp_path.name}-store") / "blocks" / "000" / ("0" * 32)
        damaged.parent.mkdir()
        damaged.write_bytes(b"damaged")
        store.collections().create(body={"name": "stored"}).execute()
        Access(store.path).new(may_write=True)
    Path("small").write_text("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 0:2:b 0:1:c\n")
    Path("other").write_text("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 0:2:moved 0:1:c 0:2:new\n")
    Path("bad").write_text("bad\n")
    result = typer.testing.CliRunner().invoke(app, [command, *JSON_EXAMPLES[command], "--json"])
    rows = re.findall(r"^\| (`\w+`.*?) \| (.*?) \| (.*?) \|$", CLI_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    described = [f"{what} {fields}" for commands, what, fields in rows if f"`{command}`" in commands]
    assert described
    text = " ".join(described)
    if "entry" in text:
        text += next(fields for commands, _, fields in rows if commands.startswith("`ls`"))
    for command_meant in ("put", "diff", "union"):
        if f"those of `{command_meant}`" in text:
            text += next(fields for commands, _, fields in rows if commands.startswith(f"`{command_meant}`"))
    if "likewise" in text:
        text += next(fields for commands, _, fields in rows if commands.startswith("`normalize`"))
    documented = {"manifest", *re.findall(r"`(\w+)`", text)}
    assert set(keys(json.loads(result.stdout))) <= documented


def test_problem_codes_are_documented() -> None:
    page = (ROOT / "docs" / "manifest-format.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert sorted(documented) == sorted(_core.error_codes())
