"""One operation on one block: which services are asked in which round, and what they have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keepset.retry import check_http_response_success

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from keepset.errors import HttpError
    from keepset.keep.services import Directory, Service, Services
    from keepset.keep.timing import Rounds

__all__ = ["Operation"]


class Operation:
    """A get, head or put, over all its rounds.

    Args:
        request_id: What all its requests are called.
        directory: What knows the services.
        rounds: The rounds.

    Attributes:
        request_id: As given.
        rounds: As given.
        problems: What each service has answered last, if it was not what was asked for; by URL, in order of asking.
        has_services: Whether there was any service to ask.
    """

    def __init__(self, request_id: str, directory: Directory, rounds: Rounds) -> None:
        self.request_id = request_id
        self.rounds = rounds
        self.problems: dict[str, HttpError] = {}
        self.has_services = False
        self._directory = directory
        self._services: Services | None = None
        self._lookup_error: Exception | None = None
        self._asked: list[Service] = []
        self._settled: set[str] = set()

    def __iter__(self) -> Iterator[tuple[int, Services]]:
        """Yield the rounds in which services are known, as long as some may be asked: the number, and the services."""
        for number in self.rounds:
            self._look_up(self._directory.refreshed)
            while self._services is not None:
                yield number, self._services
                if self.unsettled(self._asked):
                    break
                # All have given their last word. That is known at once, without a pause; and so are those services
                # that have come since somebody looked.
                if not self._look_up(self._directory.renewed):
                    return

    def _look_up(self, ask: Callable[[Services | None], Services | None]) -> bool:
        """Find out which services there are now. If nobody can tell, those of before may still be right."""
        try:
            found = ask(self._services)
        except Exception as error:  # noqa: BLE001 - whatever an API client raises; it is told of in `why_none`
            self._lookup_error = error
            return False
        self._services = found or self._services
        return found is not None

    def unsettled(self, services: Sequence[Service]) -> list[Service]:
        """Return those services that it makes sense to ask, or to ask again."""
        self.has_services = self.has_services or bool(services)
        self._asked = [service for service in services if service.root not in self._settled]
        return self._asked

    def settle(self, service: Service) -> None:
        """Note that a service need not be asked again."""
        self._settled.add(service.root)
        self.problems.pop(service.root, None)

    def fail(self, service: Service, error: HttpError) -> None:
        """Note what a service has answered. It is not asked again if it would only repeat that."""
        # The frames that it came through hold a buffer of a whole block, and a request with its token.
        error.__context__ = None
        self.problems[service.root] = error.with_traceback(None)
        if check_http_response_success(error.status_code) is False:
            self._settled.add(service.root)

    def why_none(self) -> str:
        """Say why there was no service to ask."""
        return f"no Keep services available ({self._lookup_error or 'none that takes this request'})"
