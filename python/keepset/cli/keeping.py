"""Options of `put` that say how a collection is kept: whose it is, where its blocks are, and for how long."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import typer

from keepset.cli.options import owner_option
from keepset.cli.text import one_line
from keepset.errors import ApiError, ArgumentError, ReferenceNotFoundError

__all__ = ["Keeping", "Project", "Replication", "StorageClasses", "TrashAfter", "TrashAt"]

_PANEL = "How it is kept"
_MOST_DAYS = 36_500
_CLASS_NAME = re.compile(r"[^\s,=]+")
"""Names of storage classes go between commas and equals signs in the headers of Keep."""
_OWNERS = {"j7d0g": "groups", "tpzed": "users"}
"""The resources of the API that have what can own a collection, by the middle of its UUID."""

Project = Annotated[
    str | None, owner_option("--project", "The project that the new collection belongs to, instead of you.", _PANEL)
]
StorageClasses = Annotated[
    list[str] | None,
    typer.Option(
        "--storage-class",
        metavar="NAME",
        help="Keep the new collection and its blocks in this storage class. Repeatable.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Replication = Annotated[
    int | None,
    typer.Option(
        "--replication",
        min=1,
        metavar="N",
        help="Keep N copies of the blocks of the new collection.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
TrashAfter = Annotated[
    int | None,
    typer.Option(
        "--trash-after",
        min=1,
        max=_MOST_DAYS,
        metavar="DAYS",
        help="Have the collection go to the trash so many days after it is saved.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
TrashAt = Annotated[
    str | None,
    typer.Option(
        "--trash-at",
        metavar="TIME",
        help="Have it go there at this time: 2027-12-31T18:00, or 2027-12-31 for the end of that day.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the options say; what they leave open is up to the cluster or the store.

    `trash_at` is as the user writes it.
    """

    project: str | None
    storage_classes: list[str] | None
    replication: int | None
    trash_after: int | None
    trash_at: str | None

    def __post_init__(self) -> None:
        """Refuse what makes no sense before anything is looked at."""
        if self.trash_after is not None and self.trash_at is not None:
            raise typer.BadParameter("--trash-after and --trash-at are two ways to say the same: give one of them")
        for name in self.storage_classes or []:
            if not _CLASS_NAME.fullmatch(name):
                raise typer.BadParameter(
                    f"{one_line(repr(name))} is no name; to give several, repeat the option",
                    param_hint="--storage-class",
                )
        moment = self.trash_moment()
        if moment is not None and moment <= datetime.now(UTC):
            raise typer.BadParameter("a time that is still to come is needed", param_hint="--trash-at")

    @property
    def is_for_new(self) -> bool:
        """Whether there is something that only a new collection can be given."""
        return self.project is not None or bool(self.storage_classes) or self.replication is not None

    @property
    def storing(self) -> dict[str, Any]:
        """What decides how blocks are stored, as `Collection` takes it."""
        classes = sorted(set(self.storage_classes or []))
        return {"replication_desired": self.replication, "storage_classes_desired": classes or None}

    def trash_moment(self) -> datetime | None:
        """Return when a collection that is saved now is to go to the trash."""
        if self.trash_after is not None:
            return datetime.now(UTC) + timedelta(days=self.trash_after)
        return None if self.trash_at is None else _moment(self.trash_at)

    def check(self, api: Any) -> None:
        """Ask a cluster whether it has what the options name, which a store that has neither cannot tell.

        It would refuse it as well, but only when all is copied.

        Raises:
            ArgumentError: It has no such storage class.
            ReferenceNotFoundError: It has no such project.
            ApiError: It refuses to answer.
        """
        from keepset.util import get_config_once, iter_storage_classes

        offered = list(iter_storage_classes(get_config_once(api), lambda _: True, fallback=""))
        unknown = [name for name in self.storage_classes or [] if name not in offered]
        if offered and unknown:
            raise ArgumentError(f"the cluster has no storage class {one_line(unknown[0])}, but {', '.join(offered)}")
        if self.project is not None:
            _check_owner(api, self.project)


def _check_owner(api: Any, uuid: str) -> None:
    resource = getattr(api, _OWNERS[uuid[6:11]], None)
    if resource is None:  # as of `keepset serve`, where projects are nothing but UUIDs
        return
    try:
        resource().get(uuid=uuid).execute()
    except ApiError as error:
        if error.status_code != HTTPStatus.NOT_FOUND:
            raise
        raise ReferenceNotFoundError(f"there is no project {uuid}, or you may not see it", uuid) from error


def _moment(text: str) -> datetime:
    """Read a time; a day is meant to its end, and where no zone is given, as the clocks here show it.

    Raises:
        typer.BadParameter: It is no time.
    """
    try:
        try:
            moment = datetime.combine(date.fromisoformat(text), time(23, 59, 59))
        except ValueError:
            moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{one_line(repr(text))} is no time; write it as 2027-12-31, 2027-12-31T18:00 or 2027-12-31T18:00+01:00",
            param_hint="--trash-at",
        ) from None
