"""What the whole suite shares: hypothesis profiles, leave to run on a development build, and a clock that stands still.

The helpers that tests import (`reference`, `samples`, `strategies`) are plain modules in this folder, which
`pythonpath` in pyproject.toml puts on the path.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, settings

# `make test` sets this too; a bare `pytest` should work as well, in this process and in those it starts.
os.environ.setdefault("KEEPSET_ALLOW_DEBUG", "1")

# Drawing a manifest takes milliseconds in Python and the suite runs beside compilers: no example is timed.
_COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

# What runs at every edit gives the same answer every time; the search for new failures is the other profile's, by
# HYPOTHESIS_PROFILE=ci.
settings.register_profile("dev", _COMMON, max_examples=100, derandomize=True)
settings.register_profile("ci", _COMMON, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def frozen_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the moment of `contents.STAMP`."""
    moment = time.struct_time((2026, 1, 2, 3, 4, 5, 4, 2, 0))
    monkeypatch.setattr(time, "gmtime", lambda *_: moment)
