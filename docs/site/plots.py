"""Draw the pictures of the pages from the tables in the pages: `python docs/site/plots.py`.

No figure stands here. Each picture reads one table, so a picture cannot differ from the text beside it.
"""

import math
import re
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
COLOURS = ("#00897b", "#b08400")
ROW, LEFT, WIDTH, RIGHT = 26, 270, 420, 60
STYLE = "text{font:13px system-ui,sans-serif;fill:#5a6b73}.strong{font-weight:600}.line{stroke:#90a4ae;stroke-width:1}"


def rows(page, heading):
    """The cells of the table that follows a heading, or any line that begins so."""
    text = (DOCS / page).read_text(encoding="utf-8")
    table = text[text.index(heading) :]
    lines = re.search(r"(?:^\|.*\n)+", table, re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def middle(cell):
    """The number of a cell; of a range like `1.0 to 0.4`, the geometric middle. None if there is no number."""
    numbers = [float(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?:\.\d+)?", cell)]
    return math.prod(numbers) ** (1 / len(numbers)) if numbers else None


def plain(cell):
    return re.sub(r"[`*]", "", cell)


def bars(title, entries, legend, *, base=None):
    """A picture with one group of bars for each entry. With ``base`` the scale is logarithmic, and bars begin there."""
    values = [value for _, group in entries for value in group if value]
    height = 74 + len(entries) * ROW
    if base is None:
        low, high = 0.0, max(values)
        place = lambda value: value / high * WIDTH  # noqa: E731
    else:
        low, high = min(values) / 1.1, max(values) * 1.1
        place = lambda value: math.log(value / low) / math.log(high / low) * WIDTH  # noqa: E731
    start = 0.0 if base is None else place(base)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="strong" x="8" y="20">{escape(title)}</text>',
    ]
    for index, name in enumerate(legend):
        x = LEFT + index * 150
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{COLOURS[index]}"/>')
        parts.append(f'<text x="{x + 18}" y="45">{escape(name)}</text>')
    for number, (name, group) in enumerate(entries):
        top = 60 + number * ROW
        parts.append(f'<text x="{LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        thick = (ROW - 6) / len(group)
        for index, value in enumerate(group):
            if value is None:
                continue
            left, right = sorted((start, place(value)))
            y = top + 2 + index * thick
            parts.append(
                f'<rect x="{LEFT + left:.1f}" y="{y:.1f}" width="{max(right - left, 1):.1f}"'
                f' height="{thick - 1:.1f}" fill="{COLOURS[index]}"/>'
            )
        if len(group) == 1:
            parts.append(f'<text x="{LEFT + place(group[0]) + 6:.1f}" y="{top + 15}">{group[0]:,.4g}</text>')
    x = LEFT + start
    parts.append(f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="54" y2="{height - 8}"/>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def against_node():
    entries = []
    for name, short, long, _ in rows("performance.md", "## Against Node"):
        if name.startswith("geometric mean") or name.count(",") > 2:
            continue
        entries.append((plain(name), [middle(short), middle(long)]))
    return bars(
        "Rate of forebay divided by Node's; right of the line forebay is faster",
        entries,
        ["Node's n", "long n"],
        base=1,
    )


def one_chunk():
    cells = rows("performance.md", "The plain pipe with a `read` hook")
    entries = [(re.split("[:,]", plain(name))[0], [middle(count)]) for name, count in cells]
    return bars(
        "Instructions for one chunk of a plain pipe", [(each[:38], value) for each, value in entries], []
    )


def drop_in():
    cells = rows("asyncio.md", "## Measurements")
    entries = [(plain(name).split(" without")[0], [middle(one), middle(two)]) for name, one, two in cells]
    return bars(
        "How many times less CPU time than asyncio's streams, when the data has arrived",
        entries,
        ["Python 3.11", "Python 3.13"],
    )


PICTURES = {"against-node.svg": against_node, "one-chunk.svg": one_chunk, "drop-in.svg": drop_in}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (DOCS / "images" / name).write_text(draw(), encoding="utf-8")
