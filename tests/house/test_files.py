"""The house's rules on files: size, names, and nothing in them that belongs to one machine."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CEILING = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "core", "misc"}
PAPERS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "Dockerfile",
    ".env.example",
    "docs/index.md",
    "docs/architecture.md",
    "docs/glossary.md",
]
# Put together here so that this file does not find itself.
MACHINE = re.compile(
    "|".join(("/" + "root/", "/" + "work/", "/" + r"home/(?!radiolucent\b)\w+/", "/" + "Users/", "/" + r"tmp/(?:bash|pytest)"))
)
REGISTRY = re.compile(r"https?://[^\s\"']*(?:pypi|simple/|artifactory|nexus|mirror)|--(?:extra-)?index-url|--find-links", re.IGNORECASE)
ROOT = Path(__file__).resolve().parents[2]
TEXT_SUFFIXES = {".py", ".md", ".toml", ".lock", ".yaml", ".yml", ".json", ".sh", ".ini", ".mako", ".txt", ""}
SKIPPED = {".git", ".venv", "data", "build", "dist", "node_modules"}


def python_files() -> list[Path]:
    return [path for folder in ("app", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def text_files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        inside = SKIPPED.isdisjoint(parts) and not any(part.endswith((".egg-info", "_cache", "__pycache__")) for part in parts)
        if inside and path.is_file() and path.suffix in TEXT_SUFFIXES and ".hypothesis" not in parts:
            yield path


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", python_files(), ids=shown)
def test_a_file_stays_under_the_ceiling(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= CEILING, f"{shown(path)} has {lines} lines: split it by the standard's nouns"


@pytest.mark.parametrize("path", [path for path in python_files() if (ROOT / "app") in path.parents], ids=shown)
def test_a_module_says_its_duty(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lstrip()
    assert not text or text.startswith(('"""', 'r"""')), f"{shown(path)} begins without a docstring"


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {shown(path) for path in python_files() if FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts[:-1]}}
    assert names == set()


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for path in text_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__).resolve():
            found += [f"{shown(path)}: {match.group()}" for pattern in (MACHINE, REGISTRY) for match in [pattern.search(text)] if match]
    assert found == []


@pytest.mark.parametrize("name", PAPERS)
def test_the_usual_papers_are_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_every_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    wanted = [*project["project"]["dependencies"], *(item for group in project["dependency-groups"].values() for item in group)]
    lines = text.splitlines()
    silent = [item for item in wanted if not any(re.search(re.escape(f'"{item}"') + r",\s+# \S+", line) for line in lines)]
    assert silent == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8"))
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 20
    assert [entry.split()[0] for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_lock_files_hold_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = {package_name(item) for item in [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]}
    everything = runtime | {package_name(item) for item in project["dependency-groups"]["dev"]}
    assert runtime <= locked("requirements.lock").keys()
    assert everything <= locked("requirements-dev.lock").keys()


def test_tests_run_on_the_versions_that_are_served() -> None:
    served, tested = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in served.items() if tested.get(name) != version} == {}


def package_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return match.group().lower()


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pattern_has_a_possessive_group(path: Path) -> None:
    """Python 3.11.2, which is Debian's, lets such a group keep what half of its last round has matched: an atomic group does not."""
    assert not re.search(r"(?<![\\(])\)[*+?]\+", path.read_text(encoding="utf-8")), "write (?>(?:...)*) for (?:...)*+"
