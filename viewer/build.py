"""Makes what Radiolucent serves at /ohif out of the npm package @ohif/app: fetched by name, checked, trimmed, moved and compressed.

    python viewer/build.py                           # needs npm, to fetch the package
    python viewer/build.py --tarball ohif-app.tgz    # from a file that was fetched before

The outcome lies in `viewer/radiolucent_ohif/dist`, which is not committed; `radiolucent serve` finds it there, or in the wheel
`radiolucent-ohif`. Needs nothing but the standard library, so that it also runs where the project is not installed.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A package of npm. `integrity` is the digest of its tarball in npm's words (Subresource Integrity): a new version takes a new one."""

    name: str
    version: str
    integrity: str


OHIF = Package("@ohif/app", "3.13.2", "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==")

BASE = "/ohif/"
OUTPUT = Path(__file__).resolve().parent / "radiolucent_ohif" / "dist"

DROPPED = (
    "ort/",  # segmentation by a neural network in the browser: 136 MiB that nobody fetches without asking
    "customizations/",
    "_headers",  # of other people's hosts
    "_redirects",
    "serve.json",
    "app-config.js",  # the server writes it from its settings
    "sw.js",  # service workers, one of which names a foreign host
    "init-service-worker.js",
    "google.js",
    "silent-refresh.html",
    "oidc-client.min.js",  # the server signs its users in
    "es6-shim.min.js",
    "polyfill.min.js",
)
COMPRESSED = {".js", ".css", ".html", ".json", ".wasm", ".svg", ".webmanifest", ".webapp", ".xml"}
SMALLEST = 1024
"""Bytes below which compressing is not worth a second file."""

MARKUP = (('href="/', f'href="{BASE}'), ('src="/', f'src="{BASE}'), ('content="/', f'content="{BASE}'))
SCRIPTS = (
    ('__webpack_require__.p = "/"', f'__webpack_require__.p = "{BASE}"'),
    ("browserImportFunction('/dicom-microscopy-viewer", f"browserImportFunction('{BASE}dicom-microscopy-viewer"),
)
START = f'function browserImportFunction(n){{return import(n)}}window.PUBLIC_URL="{BASE}";\n'
"""What index.html has as inline scripts, which our Content-Security-Policy admits nowhere."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tarball", type=Path, help=f"the npm package as a file, instead of fetching {OHIF.name}@{OHIF.version}")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder that is made anew (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ohif-") as folder:
        try:
            tarball = options.tarball or fetch(Path(folder), OHIF)
            check(tarball, OHIF)
        except ProblemError as problem:
            print(f"viewer: {problem}", file=sys.stderr)
            return 1
        with tarfile.open(tarball) as archive:
            # Pythons before 3.11.4 know no filter; these bytes are the pinned ones either way.
            archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]  # noqa: S202
        files, size = build(Path(folder) / "package", options.output)
    print(f"viewer: {OHIF.name} {OHIF.version} in {options.output}: {files} files, {size / 1e6:.1f} MB")
    return 0


class ProblemError(Exception):
    """One sentence for whoever ran this."""


def fetch(folder: Path, package: Package) -> Path:
    """The tarball, by npm. ProblemError."""
    npm = shutil.which("npm")
    if npm is None:
        raise ProblemError("npm is needed to fetch the package (Debian, Ubuntu: apt-get install npm); or give it with --tarball")
    run = subprocess.run(  # noqa: S603 - nothing in it comes from elsewhere
        [npm, "pack", f"{package.name}@{package.version}", "--silent"], cwd=folder, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise ProblemError(f"npm could not fetch {package.name}@{package.version}: {run.stderr.strip()[-300:]}")
    return folder / run.stdout.strip().splitlines()[-1]


def check(tarball: Path, package: Package) -> None:
    """ProblemError unless it is byte for byte the package that was looked at."""
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if "sha512-" + base64.b64encode(digest).decode() != package.integrity:
        sentence = "its digest is another than the pinned one; nothing was changed"
        raise ProblemError(f"{tarball.name} is not {package.name}@{package.version}: {sentence}")


def build(package: Path, output: Path) -> tuple[int, int]:
    """Lay the trimmed and rewritten files into `output`, in one step; how many, and how many bytes."""
    source = package / "dist"
    made = output.with_name(output.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    kept = [path for path in sorted(source.rglob("*")) if path.is_file() and is_kept(path.relative_to(source).as_posix())]
    for path in kept:
        target = made / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(rewritten(path.relative_to(source).as_posix(), path.read_bytes()))
    (made / "start.js").write_text(START, encoding="utf-8")
    shutil.copy(package / "LICENSE", made / "LICENSE")
    with ThreadPoolExecutor() as pool:
        list(pool.map(compress, [path for path in made.rglob("*") if path.suffix in COMPRESSED]))
    shutil.rmtree(output, ignore_errors=True)
    made.rename(output)
    files = [path for path in output.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def is_kept(name: str) -> bool:
    return not name.startswith(DROPPED) and not name.endswith(".map")


def rewritten(name: str, content: bytes) -> bytes:
    """The file for a viewer under BASE instead of the root of its host. ValueError if what has to be rewritten is not there."""
    if name == "index.html":
        return index(content.decode()).encode()
    if name in {"manifest.json", "assets/manifest.webapp"}:
        return content.replace(b'"/', b'"' + BASE.encode())
    if name.endswith(".css"):
        return content.replace(b"url(/", b"url(" + BASE.encode())
    if name.endswith(".js"):
        for old, new in SCRIPTS:
            content = content.replace(old.encode(), new.encode())
    if name.startswith("app.bundle.") and name.endswith(".js") and SCRIPTS[1][1].encode() not in content:
        raise ValueError(f"{name}: the viewer of slides is not loaded as it was; look at it anew")
    return content


def index(text: str) -> str:
    """index.html without inline scripts, service worker and absolute paths."""
    for old, new in MARKUP:
        text = text.replace(old, new)
    text = cut(text, "<script>console.time", "</script>")
    text = cut(text, '<script rel="preload" as="script" type="module"', "</script>")
    text = cut(text, "<script>function browserImportFunction", "</script>")
    return text.replace("<title>", f'<script src="{BASE}start.js"></script><title>', 1)


def cut(text: str, start: str, end: str) -> str:
    begin = text.index(start)
    return text[:begin] + text[text.index(end, begin) + len(end) :]


def compress(path: Path) -> None:
    """A gzip file beside it, if that is smaller. The same bytes give the same file."""
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    if len(content) > SMALLEST and len(packed) < len(content) * 0.9:
        path.with_name(path.name + ".gz").write_bytes(packed)


if __name__ == "__main__":
    sys.exit(main())
