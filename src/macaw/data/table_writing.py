"""Writing a table of boxes: a row for an object, one for a picture without any; floats with all digits."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from macaw.data.objects import AnnotatedPictures
from macaw.data.writing import picture_path, refuse_lost, whole
from macaw.files import atomic_write


def write_box_table(data: AnnotatedPictures, path: str | Path) -> Path:
    """Write a CSV with columns image, label, xmin, ymin, xmax, ymax, split and ignore (1 for a group).

    Pictures are named by their paths as seen from the table. Raises DataError for objects marked difficult,
    regions and key points, which a row has no place for.
    """
    path = Path(path)
    refuse_lost(data, "a table of boxes", ("difficult", "regions", "points"))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "label", "xmin", "ymin", "xmax", "ymax", "split", "ignore"])
    home = path.parent.resolve()
    for split, some in data.splits.items():
        for index, objects in enumerate(some.objects):
            name = Path(os.path.relpath(picture_path(some, index).resolve(), home)).as_posix()
            for box, label, group in zip(objects.xyxy.tolist(), objects.labels, objects.crowd, strict=True):
                writer.writerow([name, data.names[label], *map(whole, box), split, int(group)])
            if not len(objects):
                writer.writerow([name, "", "", "", "", "", split, ""])
    return atomic_write(path, buffer.getvalue().encode())
