"""`keepset stat`: what a manifest, or a path in it, is."""

from collections.abc import Iterator
from typing import Any

from keepset.cli.inputs import with_paths
from keepset.cli.options import Exclude, Human, Include, Json, Manifests, ModeOption
from keepset.cli.output import Output
from keepset.cli.paths import Filters, describe
from keepset.cli.run import Run, View
from keepset.cli.text import human_size

__all__ = ["stat"]

# What is printed, and how it is called there; the keys are those of the JSON.
_TITLES = {
    "manifest": "manifest",
    "path": "path",
    "type": "type",
    "size": "size",
    "stored_size": "stored",
    "file_count": "files",
    "directory_count": "directories",
    "stream_count": "streams",
    "block_count": "blocks",
    "segment_count": "segments",
    "portable_data_hash": "PDH",
    "normalized": "normal form",
    "signatures_expire": "signatures expire",
}


def stat(
    manifests: Manifests = None,
    human: Human = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Describe a manifest, or a path in it.

    `size` is the bytes in files, `stored` those in distinct blocks: less where files share blocks, more where a block
    has bytes that no file uses.
    """
    filters = Filters(include, exclude)
    with Run() as run:
        described = (_facts(view) for view in run.views(with_paths(manifests, run.stores), mode, filters))
        if json:
            run.output.json(described)
            return
        for number, facts in enumerate(described):
            if number:
                run.output.line()
            run.output.lines(_lines(run.output, facts, human))


def _facts(view: View) -> dict[str, Any]:
    if view.path:
        return _path_facts(view)
    manifest = view.manifest
    expiry = manifest.signature_expiry
    return {
        "manifest": view.source.file,
        "type": "manifest",
        "size": manifest.data_size,
        "stored_size": manifest.stored_size,
        "file_count": manifest.file_count,
        "directory_count": manifest.directory_count,
        "stream_count": manifest.stream_count,
        "block_count": manifest.block_count,
        "portable_data_hash": manifest.portable_data_hash,
        "normalized": manifest.is_normalized,
        "signatures_expire": None if expiry is None else f"{expiry:%Y-%m-%dT%H:%M:%SZ}",
    }


def _path_facts(view: View) -> dict[str, Any]:
    facts = describe(view.source, view.manifest.stat(view.path))
    if view.is_file:
        segments = 0
        blocks = set()
        for locator, _, _ in view.manifest.segments(view.path):
            segments += 1
            blocks.add(locator)
        facts |= {"segment_count": segments, "block_count": len(blocks)}
    return facts


def _lines(output: Output, facts: dict[str, Any], human: bool) -> Iterator[str]:
    width = max(len(_TITLES[key]) for key in facts if key in _TITLES)
    for key, value in facts.items():
        if key in _TITLES:
            yield f"{output.styled(f'{_TITLES[key]:{width}}', 'faint')}  {_value(output, key, value, human)}"


def _value(output: Output, key: str, value: object, human: bool) -> str:
    match value:
        case None:
            return "no signatures"
        case bool():
            return "yes" if value else "no"
        case int() if human and key in ("size", "stored_size"):
            return human_size(value)
        case str():
            return output.name(value) if key in ("manifest", "path") else value
        case _:
            return str(value)
