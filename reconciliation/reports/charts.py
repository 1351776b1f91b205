"""Charts as inline SVG, drawn from whole numbers: the same figures give the same bytes, and paper shows them too."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reconciliation.reports.figures import Line
from reconciliation.reports.words import Text, count

WIDTH, HEIGHT = 960, 400
_TOP, _BAR, _GAP, _LABEL = 26, 12, 6, 36
_LEFT, _MIDDLE, _RIGHT = 0, 430, 700


def bar(parts: Sequence[tuple[str, int]], whole: int) -> Markup:
    """A bar of `whole`, parted by (colour key, amount). A part that is there at all shows at least as a hairline."""
    whole = max(whole, sum(amount for _, amount in parts), 1)
    drawn, x = [], 0
    for key, amount in parts:
        if amount > 0:
            width = max(amount * 1000 // whole, 3)
            drawn.append(Markup('<rect class="c-{}" x="{}" y="0" width="{}" height="10"/>').format(key, x, width))
            x += width
    scale = max(x, 1000)
    return Markup(
        '<svg class="bar" viewBox="0 0 {} 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="c-track" x="0" y="0" width="{}" height="10"/>{}</svg>'
    ).format(scale, scale, Markup("").join(drawn))


@dataclass(frozen=True)
class _Node:
    line: Line
    y: int
    height: int


def flow(decided: Sequence[Line], instructed: Line, outcomes: Sequence[Line]) -> Markup:
    """Participants by decision on the left, instructions in the middle, where each instruction stands on the right."""
    left, right = _stack(decided), _stack(outcomes)
    middle = _Node(instructed, _TOP, HEIGHT - _TOP - 8)
    due = next((node for node in left if node.line.key == "due"), None)
    drawn = [_ribbon("due", _LEFT + _BAR, due.y, due.height, _MIDDLE, middle.y, middle.height)] if due else []
    drawn += _fan(middle, right)
    drawn += [_box(node, _LEFT) for node in left] + [_box(middle, _MIDDLE)] + [_box(node, _RIGHT) for node in right]
    drawn += _labels(left, _LEFT + _BAR + 10) + _labels(right, _RIGHT + _BAR + 10)
    for x, text in (
        (_LEFT, Text("Keputusan", "Decision")),
        (_MIDDLE, Text(f"Instruksi: {count(instructed.sum.people)}", f"Instructions: {count(instructed.sum.people)}")),
        (_RIGHT, Text("Hasil", "Outcome")),
    ):
        drawn.append(_both("head", x, 14, text))
    return Markup('<svg class="flow" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH,
        HEIGHT,
        "Alur: keputusan, instruksi, hasil / Flow: decision, instruction, outcome",
        Markup("").join(drawn),
    )


def _stack(lines: Sequence[Line]) -> list[_Node]:
    """Nodes one below the other, in proportion; a small one is at least three units high."""
    room = HEIGHT - _TOP - 8 - _GAP * max(len(lines) - 1, 0) - 3 * len(lines)
    whole = max(sum(line.sum.people for line in lines), 1)
    nodes, y = [], _TOP
    for line in lines:
        height = line.sum.people * room // whole + 3
        nodes.append(_Node(line, y, height))
        y += height + _GAP
    return nodes


def _fan(middle: _Node, right: Sequence[_Node]) -> list[Markup]:
    """Ribbons from the middle to each outcome, side by side where they leave."""
    whole = max(sum(node.line.sum.people for node in right), 1)
    drawn, passed = [], 0
    for node in right:
        start = middle.y + passed * middle.height // whole
        passed += node.line.sum.people
        height = max(middle.y + passed * middle.height // whole - start, 1)
        drawn.append(_ribbon(node.line.key, _MIDDLE + _BAR, start, height, _RIGHT, node.y, node.height))
    return drawn


def _ribbon(key: str, x1: int, y1: int, h1: int, x2: int, y2: int, h2: int) -> Markup:
    bend = (x1 + x2) // 2
    path = f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}V{y2 + h2}C{bend} {y2 + h2} {bend} {y1 + h1} {x1} {y1 + h1}Z"
    return Markup('<path class="c-{} ribbon" d="{}"/>').format(key, path)


def _box(node: _Node, x: int) -> Markup:
    return Markup('<rect class="c-{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
        node.line.key, x, node.y, _BAR, node.height
    )


def _labels(nodes: Sequence[_Node], x: int) -> list[Markup]:
    """A label beside each node; labels never overlap: each is pushed down, and all up again where room ends."""
    wanted, least = [], _TOP + 12
    for node in nodes:
        least = max(node.y + node.height // 2 + 2, least)
        wanted.append(least)
        least += _LABEL
    most = HEIGHT - 18
    for index in reversed(range(len(wanted))):
        wanted[index] = min(wanted[index], most)
        most = wanted[index] - _LABEL
    return [
        Markup('<rect class="c-{}" x="{}" y="{}" width="8" height="8" rx="2"/>').format(node.line.key, x, y - 9)
        + _both("label", x + 13, y, node.line.label)
        + Markup('<text class="figure" x="{}" y="{}">{}</text>').format(x + 13, y + 14, count(node.line.sum.people))
        for node, y in zip(nodes, wanted, strict=True)
    ]


def _both(kind: str, x: int, y: int, text: Text) -> Markup:
    one = Markup('<text class="{}" x="{}" y="{}" lang="{}">{}</text>')
    return one.format(kind, x, y, "id", text.id) + one.format(kind, x, y, "en", text.en)
