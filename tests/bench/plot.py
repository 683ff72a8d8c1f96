"""Draws what `tests/bench/run --json` measured of identify: one panel a gallery, one bar an engine, milliseconds a probe. A library."""
import html
import re

ROW = re.compile(r"identify, (?P<how>1 probe|64 in flight, a probe), (?P<gallery>\d+ x \d+), .*threads$")
OURS = "facekeep"
WIDTH, LEFT, BAR, GAP, TITLE = 820, 390, 18, 6, 40


def panels(rows):
    """{(gallery, how): {engine: ms}}, ours first, in the order of the rows."""
    found = {}
    for row in rows:
        named = ROW.fullmatch(row["name"])
        if not named or row["unit"] != "ms":
            continue
        panel = found.setdefault((named["gallery"], named["how"]), {OURS: row["value"]})
        if row["yardstick"]:
            panel[row["yardstick"]] = row["yardstick_value"]
    return found


def bars(panel, top):
    longest = max(panel.values())
    for number, (engine, value) in enumerate(panel.items()):
        y = top + number * (BAR + GAP)
        length = max(1.0, (WIDTH - LEFT - 130) * value / longest)
        colour = "#0b6e4f" if engine == OURS else "#9aa5b1"
        times = "" if engine == OURS else f" ({value / panel[OURS]:.1f}x)"
        yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(engine)}</text>'
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
        yield f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{value:.3g} ms{times}</text>'


def svg(rows):
    """The picture as text; None without a figure of identify."""
    found = panels(rows)
    if not found:
        return None
    parts, y = [], 10
    for (gallery, how), panel in found.items():
        parts.append(f'<text x="10" y="{y + 20}" font-weight="bold">identify, {html.escape(how)}, {html.escape(gallery)}</text>')
        parts += bars(panel, y + TITLE - 8)
        y += TITLE + len(panel) * (BAR + GAP)
    note = html.escape(next(r["machine"] for r in rows if ROW.fullmatch(r["name"])))
    parts.append(f'<text x="10" y="{y + 20}" fill="#52606d">less is better; {note}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 36}" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
