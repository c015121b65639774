"""XML from strangers: a tree of elements without entities, document types or namespaces, so no XML bombs."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from macaw.errors import DataError

_MOST_BYTES = 64 << 20  # one picture with 100,000 objects has 30 MB


def xml_tree(path: Path) -> Element:
    """The root of an XML file, prefixes of namespaces cut off.

    Raises DataError, with the row, for a file that is not XML and for one with a document type: annotations
    have none, and entities in it can grow without end.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    if len(data) > _MOST_BYTES:
        raise DataError(
            f"{path} has {len(data):,} bytes, too many for the objects of one picture; split it up"
        )
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, _: builder.start(_bare(tag), {})
    parser.EndElementHandler = lambda tag: builder.end(_bare(tag))
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = lambda *_: _refuse(path, parser.CurrentLineNumber)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as problem:
        words = expat.ErrorString(problem.code)
        raise DataError(f"{path}, row {problem.lineno}: not XML ({words}); it may be cut short") from problem
    except (ValueError, LookupError) as problem:  # a declared encoding that expat cannot read
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{path}: {problem}; save it as UTF-8") from problem
    return builder.close()


def _bare(tag: str) -> str:
    return tag.rpartition(":")[2]


def _refuse(path: Path, row: int) -> None:
    raise DataError(f"{path}, row {row}: a document type, which annotations do not need; remove it")
