"""The contact sheet of a data set: the pictures that findings are about, then crops of each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from macaw.results.draw import BODY, GOLD, HEADING, INK, MUTED, NOTE, SCARLET, TITLE, Box, Sheet, Style
from macaw.results.found import Crop, Found, Pair, Suspect

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, MARGIN, GAP = 1600, 56, 20  # pixels
_HEAD, _LINE, _FOOT = 76, 24, 18  # of a block's heading, a line below a crop, and the space below a row
_SUSPECTS = 48  # suspects that are shown
_ROW = 40  # pixels from one finding to the next
_TONES = {"error": SCARLET, "warning": GOLD}
_STRONG = Style(17, INK, "bold")
_SMALL = Style(15, INK, "bold")
_QUIET = Style(16, MUTED)


class _Line(NamedTuple):
    """Words below a crop."""

    words: str
    style: Style = _QUIET
    rows: int = 1  # that they may fill
    tail: bool = False  # whether their end matters more than their beginning, as in a path


class _Cell(NamedTuple):
    """Crops side by side, and lines below each of them, or below all together."""

    crops: tuple[Crop, ...]
    lines: tuple[tuple[_Line, ...], ...]


class _Block(NamedTuple):
    """A heading and a grid of cells."""

    heading: str
    note: str
    cells: Sequence[_Cell]
    columns: int

    @property
    def side(self) -> int:
        """Of a crop, pixels."""
        across = max(len(cell.crops) for cell in self.cells)
        return int((self.width - 6 * (across - 1)) / across)

    @property
    def width(self) -> float:
        """Of a cell, pixels."""
        return (WIDTH - 2 * MARGIN + GAP) / self.columns - GAP

    @property
    def pitch(self) -> int:
        """From one row of cells to the next, pixels."""
        return (
            self.side + _LINE * max(sum(line.rows for line in some) for some in self.cells[0].lines) + _FOOT
        )

    @property
    def height(self) -> int:
        """Of the whole block, pixels."""
        return _HEAD + self.pitch * -(-len(self.cells) // self.columns) + 24


def contact_sheet(findings: Found) -> Image:
    """The sheet; its height follows from what there is to show."""
    blocks = [*_pairs(findings), *_suspects(findings.suspects), *_classes(findings)]
    told = () if blocks else findings.findings  # where there is no picture, as in texts, there are the words
    sheet = Sheet(WIDTH, 2 * MARGIN + 70 + sum(block.height for block in blocks) + _ROW * len(told))
    style = TITLE._replace(color=SCARLET) if findings.failed else TITLE
    inner = WIDTH - 2 * MARGIN
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(findings.verdict, inner, style), style=style)
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(findings.title, inner, NOTE), style=NOTE)
    y = MARGIN + 80
    for place, one in enumerate(told):
        middle = y + _ROW * (place + 0.5)
        tone = _STRONG._replace(color=_TONES.get(one.severity, MUTED))
        sheet.text(MARGIN, middle, one.severity, style=tone)
        sheet.text(MARGIN + 110, middle, sheet.fit(one.words, inner - 110, BODY))
    for block in blocks:
        _draw(sheet, block, y)
        y += block.height
    return sheet.picture()


def _pairs(findings: Found) -> Iterator[_Block]:
    """A block for each finding that has pairs, the gravest first."""
    for one in findings.findings:
        pairs = [pair for pair in findings.pairs if pair.code == one.code]
        if pairs:
            yield _Block(
                f"{one.severity.capitalize()}: {one.words}", one.remedy, [_pair(pair) for pair in pairs], 4
            )


def _pair(pair: Pair) -> _Cell:
    crops = (pair.left, pair.right)
    return _Cell(crops, tuple((_Line(crop.note, _STRONG), _Line(crop.name, tail=True)) for crop in crops))


def _suspects(suspects: Sequence[Suspect]) -> Iterator[_Block]:
    cells = [
        _Cell(
            (one.crop,),
            (
                (
                    _Line(f"given {', '.join(one.given) or 'none'}"),
                    _Line(f"→ {', '.join(one.suggested) or 'none'}", _STRONG),
                    _Line(one.source, tail=True),
                ),
            ),
        )
        for one in suspects[:_SUSPECTS]
        if one.crop is not None
    ]
    if cells:
        note = f"the {len(cells)} most doubtful of {len(suspects):,}" if len(cells) < len(suspects) else ""
        yield _Block("Labels in doubt: given, and what pictures like it are called", note, cells, 8)


def _classes(findings: Found) -> Iterator[_Block]:
    groups: dict[str, list[Crop]] = {}
    for crop in findings.crops:
        groups.setdefault(crop.name, []).append(crop)
    shown, total = len(groups), len(findings.classes)
    each = max(map(len, groups.values()), default=1)
    across = 8 if shown * each <= 48 else 12 if shown * each <= 300 else 16
    # The smaller the crops, the more names are too long for a line of their own
    style, rows = (_STRONG, 1) if across == 8 or each > 1 else (_SMALL, 2)
    cells = [
        _Cell(tuple(some), ((_Line(name, style, rows), _Line(some[0].note)),))
        for name, some in groups.items()
    ]
    if cells:
        columns = max(1, round(across / each))
        heading = f"{total:,} classes" if shown == total else f"{shown:,} of {total:,} classes"
        which = "some objects" if findings.counted == "object" else "one picture"
        yield _Block(heading, f"{which} of each, and how many there are", cells, columns)


def _draw(sheet: Sheet, block: _Block, top: int) -> None:
    inner = WIDTH - 2 * MARGIN
    sheet.text(MARGIN, top + 22, sheet.fit(block.heading, inner, HEADING), style=HEADING)
    sheet.text(MARGIN, top + 52, sheet.fit(block.note, inner, NOTE), style=NOTE)
    step = (inner + GAP) / block.columns
    for place, cell in enumerate(block.cells):
        row, column = divmod(place, block.columns)
        width = block.side if len(cell.lines) > 1 else block.width
        below = (*cell.lines, *[()] * (len(cell.crops) - len(cell.lines)))
        for number, (crop, lines) in enumerate(zip(cell.crops, below, strict=True)):
            x = round(MARGIN + column * step) + number * (block.side + 6)
            y = top + _HEAD + row * block.pitch
            sheet.paste(crop.picture, Box(x, y, block.side, block.side))
            rows = [(words, line.style) for line in lines for words in _fitted(sheet, line, width)]
            for k, (words, style) in enumerate(rows):
                sheet.text(x, y + block.side + 14 + k * _LINE, words, style=style)


def _fitted(sheet: Sheet, line: _Line, width: float) -> list[str]:
    """The rows of a line, cut to `width` at its end, or at its beginning where the end says more."""
    if line.tail:
        return [sheet.fit(line.words[::-1], width, line.style)[::-1]]
    return sheet.wrap(line.words, width, lines=line.rows, style=line.style)
