"""How often a block is stored already, and how often it still has to be."""

from collections.abc import Mapping, Sequence

__all__ = ["Replicas"]


class Replicas:
    """What services have said that they stored of one block. Not safe for threads.

    Args:
        copies: How many replicas there are to be, and how many in each storage class.
        classes: The storage classes; none if they do not matter.

    Attributes:
        copies: As given.
        classes: As given.
        stored: How many replicas there are.
        knows_classes: Whether the cluster tells in which classes it stores something. An old one does not: it has none.

    Example:
        >>> replicas = Replicas(2, ["archive"])
        >>> replicas.add({"x-keep-replicas-stored": "2", "x-keep-storage-classes-confirmed": "archive=1, default=1"})
        >>> replicas.stored, replicas.missing(), replicas.missing_classes()
        (2, 1, ['archive'])
    """

    def __init__(self, copies: int, classes: Sequence[str]) -> None:
        self.copies = copies
        self.classes = sorted(set(classes))
        self.stored = 0
        self._confirmed = dict.fromkeys(self.classes, 0)
        self.knows_classes = True

    def add(self, headers: Mapping[str, str]) -> None:
        """Note what a service has stored.

        Args:
            headers: Those of its reply. A reply that does not say how many replicas there are speaks of one.
        """
        self.stored += _count(headers.get("x-keep-replicas-stored", ""))
        confirmed = _classes(headers.get("x-keep-storage-classes-confirmed"))
        if confirmed is not None:
            for name in self.classes:
                self._confirmed[name] += confirmed.get(name, 0)
        elif self.classes:
            self.knows_classes = False

    def missing_classes(self) -> list[str]:
        """Return the classes in which there are too few replicas."""
        if not self.knows_classes:
            return []
        return [name for name, count in self._confirmed.items() if count < self.copies]

    def missing(self) -> int:
        """Return how many services that store one replica each have to store the block yet, at least."""
        lacking = [self.copies - self._confirmed[name] for name in self.missing_classes()]
        return max(0, self.copies - self.stored, *lacking)

    def __str__(self) -> str:
        """Say what was wanted and what there is, in the words of 3.2.1."""
        reached = [name for name in self.classes if name not in self.missing_classes()]
        return f"wanted {(self.copies, self.classes)} copies but wrote {(self.stored, reached)}"


def _count(text: str) -> int:
    try:
        return max(0, int(text))
    except ValueError:
        return 1


def _classes(text: str | None) -> dict[str, int] | None:
    """Read the header that confirms classes; None if it is not there, or says nothing that can be understood."""
    if text is None:
        return None
    found: dict[str, int] = {}
    try:
        for part in filter(None, map(str.strip, text.split(","))):
            name, _, count = part.partition("=")
            if count:
                found[name] = found.get(name, 0) + int(count)
    except ValueError:
        return None
    return found
