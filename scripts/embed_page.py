"""Packs the files of Page/ into the C target CPage, from which the server sends them.

    embed_page.py [--page FOLDER] [--output FOLDER]

The program contains each file compressed, with its media type and a tag of its content. All files except index.html get a path that contains a
hash of all of them, `page/HASH/`, so that browsers may keep them for ever. Files name each other by relative paths. In index.html, the paths in `src`
and `href` are replaced by those below the hash. The target is written only if its content changes, so that an unchanged page compiles nothing.
"""

import argparse
import gzip
import hashlib
import re
import sys
from pathlib import Path, PurePosixPath

from version import REPOSITORY

INDEX = "index.html"
# The files of the folder that are not part of the page.
LEFT_OUT = {"README.md"}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

HEADER = """\
// Made by scripts/embed_page.py from the files of Page/.

#ifndef SHIMMY_CPAGE_H
#define SHIMMY_CPAGE_H

#include <stddef.h>
#include <stdint.h>

/// A file of the page.
typedef struct {
    /// The path in the folder of the page.
    const char *path;
    /// The `Content-Type`.
    const char *type;
    /// The first 128 bits of the content's SHA-256, in hexadecimal digits.
    const char *tag;
    /// The content, compressed with gzip.
    const uint8_t *bytes;
    size_t count;
    /// The size of the content before it was compressed.
    size_t plain_count;
} shimmy_page_file;

/// Returns the hash of all files, which is part of their paths.
const char *shimmy_page_version(void);

/// Returns the number of files.
size_t shimmy_page_count(void);

/// Returns a file.
shimmy_page_file shimmy_page_at(size_t index);

#endif
"""


class PageError(Exception):
    pass


def read_files(folder: Path) -> dict[str, bytes]:
    """Returns the files of the page by their path in the folder."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in LEFT_OUT or any(part.startswith(".") for part in PurePosixPath(name).parts):
            continue
        if path.suffix not in TYPES:
            raise PageError(f"Page/{name} has an unknown type; add '{path.suffix}' to TYPES in scripts/embed_page.py, or remove the file")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name, re.ASCII):
            raise PageError(f"Page/{name} must consist of letters, digits, '.', '-' and '_', so that its address needs no escapes")
        files[name] = path.read_bytes()
    if INDEX not in files:
        raise PageError(f"Page/{INDEX} does not exist")
    return files


def version(files: dict[str, bytes]) -> str:
    """Returns a hash of the paths and the contents of all files."""
    sums = "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in sorted(files.items()))
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def with_addresses(html: bytes, files: dict[str, bytes], prefix: str) -> bytes:
    """Returns index.html with the addresses of the files that it names. Raises PageError if one of them does not exist."""

    def replaced(match: re.Match) -> str:
        name = match[2].removeprefix("./")
        if name.startswith("#") or re.match(r"[a-z]+:", name):
            return match[0]
        if name not in files:
            raise PageError(f"Page/{INDEX} names '{name}', which does not exist")
        return f'{match[1]}="{prefix}{name}"'

    return re.sub(r'\b(src|href)="([^"]*)"', replaced, html.decode()).encode()


def source(files: dict[str, bytes], hashed: str) -> str:
    """Returns the C code with the bytes of all files."""
    lines = ["// Made by scripts/embed_page.py from the files of Page/.", "", '#include "CPage.h"', ""]
    entries = []
    for number, (name, content) in enumerate(sorted(files.items())):
        packed = gzip.compress(content, 9, mtime=0)
        lines.append(f"static const uint8_t file_{number}[] = {{")
        lines += ["    " + ",".join(map(str, packed[start : start + 32])) + "," for start in range(0, len(packed), 32)]
        lines += ["};", ""]
        kind, tag = TYPES[PurePosixPath(name).suffix], hashlib.sha256(content).hexdigest()[:32]
        entries.append(f'    {{"{name}", "{kind}", "{tag}", file_{number}, sizeof(file_{number}), {len(content)}}},')
    lines += ["static const shimmy_page_file files[] = {", *entries, "};", ""]
    lines += [f'const char *shimmy_page_version(void) {{ return "{hashed}"; }}', ""]
    lines += ["size_t shimmy_page_count(void) { return sizeof(files) / sizeof(files[0]); }", ""]
    lines += ["shimmy_page_file shimmy_page_at(size_t index) { return files[index]; }", ""]
    return "\n".join(lines)


def write_if_changed(path: Path, text: str):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def embed(page: Path, output: Path):
    files = read_files(page)
    hashed = version(files)
    # The path is relative, so that a proxy can serve the page below a path of its own.
    files[INDEX] = with_addresses(files[INDEX], files, f"page/{hashed}/")
    write_if_changed(output / "include/CPage.h", HEADER)
    write_if_changed(output / "page.c", source(files, hashed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, default=REPOSITORY / "Page")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "Artifacts/CPage")
    arguments = parser.parse_args()
    embed(arguments.page, arguments.output)


if __name__ == "__main__":
    try:
        main()
    except PageError as error:
        sys.exit(f"error: {error}")
