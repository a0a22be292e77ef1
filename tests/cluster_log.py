"""The log of a cluster, as the API lists it: page by page, by `id`."""

from __future__ import annotations

import json
import operator
from typing import TYPE_CHECKING, Any

from api_server import Answer
from event_server import event

if TYPE_CHECKING:
    from api_server import Recorded

OPERATORS: dict[str, Any] = {
    "=": operator.eq,
    ">": lambda value, operand: value > int(operand),
    ">=": operator.ge,
    "in": lambda value, operand: value in operand,
}


class ClusterLog:
    """The log. Its methods may be called from any thread.

    Attributes:
        lines: The events.
        page: So many are on one page.
        queries: What was asked for, as (order, filters); the time in a filter is left out.
    """

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.page = 3
        self.queries: list[tuple[str, list[Any]]] = []

    def write(self, *numbers: int, kind: str = "create", at: str = "2999-01-01T00:00:00Z") -> None:
        """Have events happen."""
        self.lines.extend(event(number, kind) | {"created_at": at} for number in numbers)

    def answer(self, request: Recorded) -> Answer:
        """Answer a request for a page."""
        filters = json.loads(request.query["filters"])
        order = request.query["order"]
        self.queries.append((order, [one[:2] if one[0] == "created_at" else one for one in filters]))
        found = [
            line for line in self.lines if all(OPERATORS[sign](line[name], operand) for name, sign, operand in filters)
        ]
        found.sort(key=operator.itemgetter("id"), reverse=order == "id desc")
        limit = min(self.page, int(request.query.get("limit", self.page)))
        return Answer(body={"items": found[:limit], "items_available": len(found)})
