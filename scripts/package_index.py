"""Fetches files from the Python package index that pip is configured for: verified, resumable, atomic, with progress."""

import hashlib
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

CHUNK = 1 << 18
ATTEMPTS = 4
JSON_INDEX = "application/vnd.pypi.simple.v1+json"


class FetchError(Exception):
    """A download that cannot succeed. Its text is a one-line message for the user."""


def index_url() -> str:
    """Returns pip's index URL from its environment, its configuration or its built-in default."""
    if url := os.environ.get("PIP_INDEX_URL"):
        return url.rstrip("/")
    pip = [sys.executable, "-m", "pip"]
    configured = subprocess.run(pip + ["config", "get", "global.index-url"], capture_output=True, text=True)
    if configured.returncode == 0 and configured.stdout.strip():
        return configured.stdout.strip().rstrip("/")
    default = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    return subprocess.run([sys.executable, "-c", default], capture_output=True, text=True, check=True).stdout.strip().rstrip("/")


class _Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.hrefs += [value for name, value in attributes if name == "href"]


def file_url(project: str, filename: str) -> str:
    """Returns the URL of `filename` of `project` from the index (JSON or HTML, PEP 691 and PEP 503)."""
    page = f"{index_url()}/{project}/"
    request = urllib.request.Request(page, headers={"Accept": f"{JSON_INDEX}, text/html;q=0.1"})
    with urllib.request.urlopen(request, timeout=60) as response:
        body, kind = response.read(), response.headers.get_content_type()
    if kind == JSON_INDEX:
        links = [entry["url"] for entry in json.loads(body)["files"]]
    else:
        parser = _Links()
        parser.feed(body.decode())
        links = parser.hrefs
    for link in links:
        if urllib.parse.unquote(link.split("#")[0]).endswith("/" + filename):
            return urllib.parse.urljoin(page, link.split("#")[0])
    raise FetchError(f"the package index has no file {filename} of {project}")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Progress:
    """Download progress: a bar on a terminal, a line every ten percent in a pipe."""

    def __init__(self, title: str):
        self.title, self.last, self.terminal = title, -1, sys.stderr.isatty()

    def update(self, done: int, total: int):
        percent = 100 * done // total if total else 0
        if percent == self.last or (not self.terminal and percent < self.last + 10):
            return
        self.last = percent
        size = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self.terminal:
            bar = "#" * (percent * 30 // 100)
            print(f"\r{self.title} [{bar:<30}] {percent:3d} % {size}", end="\n" if percent == 100 else "", file=sys.stderr)
        else:
            print(f"{self.title}: {percent} % ({size})", file=sys.stderr)


def _download(url: str, partial: Path, progress: Progress):
    """Appends the missing bytes of `url` to `partial`."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # The file is already complete, or the content has changed: the checksum decides.
            return
        raise
    with response, open(partial, "ab" if response.status == 206 else "wb") as file:
        have = have if response.status == 206 else 0
        total = have + int(response.headers.get("Content-Length") or 0)
        while block := response.read(CHUNK):
            file.write(block)
            have += len(block)
            progress.update(have, total)
        if total and have < total:
            raise FetchError("the connection was cut")


def _url(pin: dict, attempt: int) -> str:
    """Returns the URL for an attempt. A pin that is not in the package index has a list of mirrors."""
    if mirrors := pin.get("mirrors"):
        return mirrors[attempt % len(mirrors)]
    return file_url(pin["project"], pin["filename"])


def fetch(pin: dict, directory: Path, keep: bool = True) -> Path:
    """Returns the verified file of `pin` in `directory`. Downloads it if it is missing or incomplete."""
    directory.mkdir(parents=True, exist_ok=True)
    target, partial = directory / pin["filename"], directory / (pin["filename"] + ".partial")
    if target.exists():
        if sha256(target) == pin["sha256"]:
            return target
        target.unlink()
    for attempt in range(ATTEMPTS):
        try:
            _download(_url(pin, attempt), partial, Progress(f"Fetching {pin['filename']}"))
        except (OSError, FetchError) as error:
            if attempt + 1 == ATTEMPTS:
                raise FetchError(f"cannot fetch {pin['filename']}: {error}") from error
            time.sleep(2**attempt)
            continue
        if sha256(partial) == pin["sha256"]:
            os.replace(partial, target)
            return target
        partial.unlink()
    raise FetchError(f"{pin['filename']} does not have the pinned SHA-256 {pin['sha256']}")


def install_tools(requirements: list[str], directory: Path) -> Path:
    """Installs Python packages into `directory` once and atomically: into a temporary folder, which is then renamed."""
    if not directory.exists():
        aside = directory.with_name(f"{directory.name}.{os.getpid()}")
        aside.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(aside)]
        if subprocess.run(command + requirements).returncode != 0:
            shutil.rmtree(aside, ignore_errors=True)
            raise FetchError("pip could not install " + " ".join(requirements))
        try:
            aside.rename(directory)
        except OSError:  # Another build was faster.
            shutil.rmtree(aside, ignore_errors=True)
    return directory


def unpacked(pin: dict, name: str, cache: Path) -> Path:
    """Returns a folder of a source distribution or a wheel, unpacked atomically: into a temporary folder, which is then renamed."""
    target = cache / "source" / f"{name}-{pin['version']}-{pin['sha256'][:12]}"
    if not target.exists():
        archive = fetch(pin, cache / "downloads")
        aside = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        print(f"Unpacking {name}", file=sys.stderr)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(aside)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(aside, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(aside)
        (aside / pin["subdirectory"]).rename(target)
        shutil.rmtree(aside)
    return target
