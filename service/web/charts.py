"""Small drawings made on the server as SVG: sparklines, bars, marks and the line chart.

They carry attributes and classes only, no style attributes, so that they show under a strict
Content-Security-Policy. A gap in the data is a gap in the line, never a zero.
"""

from collections.abc import Sequence

from markupsafe import Markup

from service.web.format import Number

Values = Sequence[Number | None]

MARKS = (
    '<circle cx="6" cy="6" r="5"/>',
    '<rect x="1.5" y="1.5" width="9" height="9" rx="1"/>',
    '<path d="M6 .8 11.4 10.6H.6Z"/>',
    '<path d="M6 .2 11.8 6 6 11.8.2 6Z"/>',
    '<path d="M4.2.8h3.6v3.4h3.4v3.6H7.8v3.4H4.2V7.8H.8V4.2h3.4Z"/>',
    '<path d="M6 11.2.6 1.4h10.8Z"/>',
    '<path d="M6 .4 11.6 4.6 9.4 11.2H2.6L.4 4.6Z"/>',
    '<path fill-rule="evenodd" d="M6 .8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 6 .8Zm0 3a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z"/>',
)


def mark(index: int) -> Markup:
    """The sign of a channel: eight colours and eight shapes make 64 pairs, 0 to 63."""
    shape = MARKS[(index + index // 8) % 8]
    return Markup(
        f'<svg class="mark {tint(index)}" viewBox="0 0 12 12" width="12" height="12" '
        f'aria-hidden="true" focusable="false">{shape}</svg>'
    )


def tint(index: int) -> str:
    """The class with the colour of a channel's sign."""
    return f"s{index % 8}"


def bar(part: Number | None, whole: Number | None, name: str) -> Markup:
    """A bar as long as part ÷ whole, at most full; nothing for parts of 0 or below.

    `name` is the class that colours it.
    """
    width = 0.0
    if part and whole and part > 0 and whole > 0:
        width = min(float(part) / float(whole), 1.0) * 100
    return Markup(
        f'<svg class="barline {name}" width="100%" height="4" aria-hidden="true" focusable="false">'
        f'<rect class="track" width="100%" height="4" rx="2"/>'
        f'<rect width="{width:.2f}%" height="4" rx="2"/></svg>'
    )


def sparkline(values: Values, width: int = 120, height: int = 32) -> Markup:
    """A line without axes, the last point marked; empty for fewer than two numbers.

    Args:
        values: oldest first; None is a gap.
        width: in pixels of the drawing, which scales to its box.
        height: likewise.
    """
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(0.0, *known), max(0.0, *known)
    points = _points(values, low, high, width - 4.0, height - 4.0, 2.0, 2.0)
    last = points[max(i for i, point in enumerate(points) if point)] or (0.0, 0.0)
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false">'
        f'<path class="area" d="{_area(points, height - 2.0)}"/>'
        f'<path class="line" d="{_path(points)}" vector-effect="non-scaling-stroke"/>'
        f'<path class="tip" d="M{last[0]:.1f} {last[1]:.1f}h0" vector-effect="non-scaling-stroke"/>'
        "</svg>"
    )


def line_chart(series: Sequence[tuple[str, Values]], width: int = 960, height: int = 260) -> Markup:
    """The chart that stands until the interactive one has loaded, and for good without scripts.

    Args:
        series: (class of the line, values), drawn in this order over one common scale.
        width: in pixels of the drawing.
        height: likewise.
    """
    known = [float(value) for _, values in series for value in values if value is not None]
    if not known:
        return Markup("")
    low, high = min(0.0, *known), max(0.0, *known)
    step = (height - 16) / 4
    lines = "".join(f'<path class="grid" d="M0 {8 + step * i:.1f}H{width}"/>' for i in range(5))
    for name, values in series:
        points = _points(values, low, high, float(width), height - 16.0, 0.0, 8.0)
        lines += (
            f'<path class="line {name}" d="{_path(points)}" vector-effect="non-scaling-stroke"/>'
        )
    return Markup(
        f'<svg class="lines" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false">{lines}</svg>'
    )


Point = tuple[float, float] | None


def _points(
    values: Values, low: float, high: float, width: float, height: float, left: float, top: float
) -> list[Point]:
    spread = (high - low) or 1.0
    step = width / max(len(values) - 1, 1)
    return [
        None
        if value is None
        else (left + step * i, top + height * (1 - (float(value) - low) / spread))
        for i, value in enumerate(values)
    ]


def _path(points: list[Point]) -> str:
    parts, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        # A stroke of no length, so that a point between two gaps shows as a dot.
        parts.append(f"{pen}{point[0]:.1f} {point[1]:.1f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return "".join(parts)


def _area(points: list[Point], floor: float) -> str:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return "".join(
        f"M{run[0][0]:.1f} {floor:.1f}"
        + "".join(f"L{x:.1f} {y:.1f}" for x, y in run)
        + f"L{run[-1][0]:.1f} {floor:.1f}Z"
        for run in runs
        if len(run) > 1
    )
