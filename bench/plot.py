"""Draws small SVG charts without any library: bars that compare servers, and curves."""

COLORS = ["#2563eb", "#f59e0b", "#10b981", "#8b5cf6"]
STYLE = "font-family: system-ui, sans-serif; font-size: 12px"


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def svg(width: int, height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" style="{STYLE}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"


def short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def bars(title: str, unit: str, values: dict[str, float]) -> str:
    """Returns a chart with one bar for each name."""
    parts = [f'<text x="10" y="20" font-weight="bold">{escape(title)} ({escape(unit)})</text>']
    most = max(values.values()) or 1
    for index, (name, value) in enumerate(values.items()):
        y = 34 + index * 26
        width = 300 * value / most
        parts.append(f'<text x="10" y="{y + 14}">{escape(name)}</text>')
        parts.append(f'<rect x="160" y="{y}" width="{width:.1f}" height="18" fill="{COLORS[index % len(COLORS)]}"/>')
        parts.append(f'<text x="{166 + width:.1f}" y="{y + 14}">{short(value)}</text>')
    return svg(540, 44 + 26 * len(values), parts)


def curves(title: str, unit: str, along: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """Returns a chart of lines over a logarithmic axis. Each series is a list of points."""
    import math

    points = [point for line in series.values() for point in line]
    low, high = min(math.log(x) for x, _ in points), max(math.log(x) for x, _ in points)
    most = max(y for _, y in points) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return 60 + 420 * (math.log(x) - low) / ((high - low) or 1), 230 - 180 * y / most

    parts = [f'<text x="10" y="20" font-weight="bold">{escape(title)} ({escape(unit)})</text>']
    parts.append('<path d="M60 50 V230 H490" fill="none" stroke="#888"/>')
    for x in sorted({x for x, _ in points}):
        parts.append(f'<text x="{place(x, 0)[0]:.1f}" y="246" text-anchor="middle">{short(x)}</text>')
    for share in (0.5, 1):
        parts.append(f'<text x="54" y="{234 - 180 * share:.1f}" text-anchor="end">{short(most * share)}</text>')
    parts.append(f'<text x="275" y="264" text-anchor="middle">{escape(along)}</text>')
    for index, (name, line) in enumerate(series.items()):
        color = COLORS[index % len(COLORS)]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in sorted(line)))
        parts.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{340}" y="{36 + 16 * index}" fill="{color}">{escape(name)}</text>')
    return svg(540, 276, parts)


def roofline(title: str, limits: dict) -> str:
    """Returns a roofline chart: each format with one row from memory and eight rows from the cache, and the two limits of the processor."""
    import math

    low, high, least, most = 1.0, 64.0, 10.0, limits["bytes"] * 1.6

    def place(intensity: float, speed: float) -> tuple[float, float]:
        across, up = math.log(intensity / low) / math.log(high / low), math.log(speed / least) / math.log(most / least)
        return 60 + 430 * across, 250 - 200 * up

    def line(*points: tuple[float, float]) -> str:
        return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))

    ridge = limits["bytes"] / limits["read"]
    parts = [f'<text x="10" y="20" font-weight="bold">{escape(title)} (GOPS)</text>', '<path d="M60 50 V250 H500" fill="none" stroke="#888"/>']
    parts.append(f'<path d="{line((low, limits["read"] * low), (ridge, limits["bytes"]), (high, limits["bytes"]))}" fill="none" stroke="#444" stroke-width="2"/>')
    parts.append('<text x="275" y="284" text-anchor="middle">operations for each byte of weights</text>')
    for x in (1, 2, 4, 8, 16, 32, 64):
        parts.append(f'<text x="{place(x, least)[0]:.1f}" y="266" text-anchor="middle">{x}</text>')
    for y in (10, 30, 100, 300):
        parts.append(f'<text x="54" y="{place(low, y)[1] + 4:.1f}" text-anchor="end">{y}</text>')
    for values in limits["formats"].values():
        operations = 16 / values["bits"]  # two operations per weight
        for intensity, speed, color in ((operations, values["one"] * operations, COLORS[0]), (8 * operations, values["eight"], COLORS[1])):
            x, y = place(intensity, speed)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}" fill-opacity="0.7"/>')
    parts.append(f'<text x="330" y="36" fill="{COLORS[0]}">one row, from memory</text><text x="330" y="52" fill="{COLORS[1]}">eight rows, from the cache</text>')
    return svg(540, 296, parts)
