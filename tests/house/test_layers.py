"""The import contracts are there and forget no room of the house; and of pydicom the house uses the tables only."""

import ast
import tomllib
from pathlib import Path
from typing import Any

PYDICOM_TABLES = {"pydicom._dicom_dict", "pydicom.charset", "pydicom.datadict", "pydicom.uid"}
OWNERS = {
    "SQL": {"app.index"},
    "object store": {"app.storage.s3"},
    "web framework": {"app.api", "app.main"},
    "pydicom": {"app.dicom", "app.dicomweb"},
    "arrays": {"app.pixels"},
}


def contracts(root: Path) -> list[dict[str, Any]]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def rooms(folder: Path, prefix: str) -> set[str]:
    paths = (path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())
    return {f"{prefix}.{path.stem}" for path in paths if not path.stem.startswith("__")}


def test_the_layers_are_exhaustive_and_have_no_exception(root: Path) -> None:
    layers = next(contract for contract in contracts(root) if contract["type"] == "layers")
    assert layers["exhaustive"] is True
    assert [contract["name"] for contract in contracts(root) if contract.get("ignore_imports")] == []


def test_contracts_on_single_libraries_forget_no_module(root: Path) -> None:
    """A new package must be put into each list of those that may not know SQL, the object store, the web framework or pydicom."""
    for subject, owners in OWNERS.items():
        contract = next(contract for contract in contracts(root) if subject in contract["name"])
        expected = rooms(root / "app", "app")
        for owner in [owner for owner in owners if owner.count(".") == 2]:
            room = owner.rpartition(".")[0]
            expected = expected - {room} | rooms(root.joinpath(*room.split(".")), room)
        assert set(contract["source_modules"]) == expected - owners, contract["name"]


def test_of_pydicom_only_the_tables_are_used(root: Path) -> None:
    used = {module for path in (root / "app").rglob("*.py") for module in imported(path) if module.split(".")[0] == "pydicom"}
    assert used <= PYDICOM_TABLES


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "pydicom":
            found |= {f"pydicom.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
