"""The arguments and options that several commands share, said once."""

from typing import Annotated, Any

import typer

from keepset.cli.inputs import Mode

__all__ = [
    "DryRun",
    "Exclude",
    "Human",
    "Include",
    "Jobs",
    "Json",
    "Manifests",
    "MaxDepth",
    "ModeOption",
    "OutputFile",
    "Print0",
    "StoreOption",
    "WholeManifests",
    "owner_option",
]

_FILTERS = "Filters"

Manifests = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MANIFEST",
        help="Manifest files or collections, or paths inside (MANIFEST/PATH); - is standard input, also the default.",
        show_default=False,
    ),
]
WholeManifests = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MANIFEST",
        help="Manifest files or collections; - is standard input, also the default.",
        show_default=False,
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option("--mode", help="What to accept: what existing clients load (compat), or the documented grammar only."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Human = Annotated[
    bool, typer.Option("--human", "--human-readable", "-h", help="Print sizes with a unit: powers of 1024, rounded up.")
]
Print0 = Annotated[bool, typer.Option("--print0", "-0", help="End each name with a NUL instead of a newline.")]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Only what matches, as with rclone: *.bam anywhere, /d/*.bam from the root, d/** below d. Repeatable.",
        show_default=False,
        rich_help_panel=_FILTERS,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Not what matches, even if included. Repeatable.",
        show_default=False,
        rich_help_panel=_FILTERS,
    ),
]
MaxDepth = Annotated[
    int | None,
    typer.Option("--max-depth", "-d", min=0, metavar="N", help="Go down at most N levels.", show_default=False),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FOLDER",
        help="The local store to work on; unless told, that of KEEPSET_STORE, or the usual one.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, metavar="N", help="Work on N files at a time (4).", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE, whole or not at all, instead of standard output; - is that.",
        show_default=False,
    ),
]


def owner_option(name: str, help_text: str, panel: str | None = None) -> Any:  # as of typer.Option
    """Return an option that takes the UUID of a project, or of a user, who can own collections as well."""
    return typer.Option(
        name, metavar="UUID", help=help_text, callback=_checked_owner, show_default=False, rich_help_panel=panel
    )


def _checked_owner(uuid: str | None) -> str | None:
    from keepset.util import group_uuid_pattern, user_uuid_pattern

    if uuid is None or group_uuid_pattern.fullmatch(uuid) or user_uuid_pattern.fullmatch(uuid):
        return uuid
    raise typer.BadParameter("the UUID of a project is needed, such as zzzzz-j7d0g-0123456789abcde")
