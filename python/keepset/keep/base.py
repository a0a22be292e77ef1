"""What the object model asks of a Keep client: block in, locator out, and back."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

__all__ = ["BlockClient", "Data"]

Data: TypeAlias = bytes | bytearray | memoryview
"""What a block is given as, and read as: a client may answer with a view of its cache."""


@runtime_checkable
class BlockClient(Protocol):
    """Stores and fetches blocks.

    The names and the order of the arguments are those of `arvados.KeepClient` in arvados-python-client 3.2.1, so that
    one of those can be passed wherever this is expected. Only what its network form and its `local_store` form both
    take is listed: locators by position, everything behind `num_retries` by name. Implementations may take more.
    """

    def get(self, loc_s: str, /, *, num_retries: int | None = None) -> Data:
        """Return the bytes of a block.

        Args:
            loc_s: Its locator, with a signature where the server wants one.
            num_retries: How often to try again; None for the client's own number.

        Raises:
            KeepReadError: It cannot be read, or what was read is not that block.
            NotFoundError: It is not there.
        """

    def put(
        self,
        data: Data,
        copies: int = 2,
        num_retries: int | None = None,
        *,
        classes: Sequence[str] = (),
    ) -> str:
        """Store a block.

        Args:
            data: Its bytes, which must not change during the call.
            copies: On how many services.
            num_retries: How often to try again; None for the client's own number.
            classes: The storage classes that it should have; empty for the default ones.

        Returns:
            Its locator.

        Raises:
            KeepWriteError: It could not be stored so often.
        """

    def head(self, loc_s: str, /, *, num_retries: int | None = None) -> bool | None:
        """Return true if a block is there, without its bytes.

        Raises:
            NotFoundError: It is not there; a `local_store` of 3.2.1 answers None instead.
        """

    def get_from_cache(self, loc_s: str, /) -> Data | None:
        """Return the bytes of a block if the client has them in memory, else None."""

    def refresh_signature(self, loc: str, /) -> str:
        """Have a block that another cluster has signed (`+R`) fetched, and return a locator that this one has signed.

        Raises:
            KeepReadError: It cannot be fetched.
        """
