"""Draws the text of a terminal session as a picture.

    python3 scripts/terminal_picture.py docs/pictures/terminal.txt > docs/pictures/terminal.svg
"""

import html
import sys
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 8.4, 20, 20
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def picture(session: str) -> str:
    """Returns an SVG of the lines of a session. Lines that begin with a dollar sign are commands."""
    lines = session.rstrip("\n").split("\n")
    width = round(max(map(len, lines)) * WIDTH + 2 * MARGIN)
    height = len(lines) * HEIGHT + 2 * MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>A terminal session</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#1b1f27"/>',
        f'<g font-family="{FONT}" font-size="14" fill="#d7dae0" xml:space="preserve">',
    ]
    for number, line in enumerate(lines):
        if not line:
            continue
        place = f'x="{MARGIN}" y="{MARGIN + 14 + number * HEIGHT}" textLength="{len(line) * WIDTH:.1f}"'
        colour = ' fill="#8fd18f"' if line.startswith("$ ") else ""
        drawn.append(f"<text {place}{colour}>{html.escape(line, quote=False)}</text>")
    return "\n".join([*drawn, "</g>", "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(picture(Path(sys.argv[1]).read_text()))
