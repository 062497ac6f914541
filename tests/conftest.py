"""What every test stands on: the repository's root on sys.path, steady hypothesis profiles, and no settings of this machine.

Must not know: the application. Fixtures of one kind of test live in that kind's own conftest.py.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# One PostgreSQL and one S3 server for a whole run, whichever tests ask for them.
pytest_plugins = ("tests.services.postgres", "tests.services.seaweedfs")

# No deadlines: a busy machine is not a defect. CI draws the same examples each time, so that a red run can be repeated.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with real servers stay together: one process runs them in turn, while another runs the rest."""
    for item in items:
        if not {ROOT / "tests" / "e2e", ROOT / "tests" / "browser"}.isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A developer's RADIOLUCENT_* variables and .env must not decide a test; what a test sets is gone after it."""
    before = {name: value for name, value in os.environ.items() if name.startswith("RADIOLUCENT_")}
    for name in before:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RADIOLUCENT_ENV_FILE", os.devnull)
    yield
    for name in [name for name in os.environ if name.startswith("RADIOLUCENT_")]:
        os.environ.pop(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
