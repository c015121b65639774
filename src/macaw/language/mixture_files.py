"""How a mixture lies on disk: the folders of its models as they were, and beside them the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from macaw.card import Card
from macaw.errors import InputError, ModelError
from macaw.files import atomic_folder, atomic_write
from macaw.language.mixture import Mixture
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary

NAME = "mixture.json"
FORMAT = 1
_RESTORE = "restore the folder, or mix again"


def save_mixture(
    folder: str | Path, parts: Sequence[str | Path], weights: np.ndarray, *, card: Card | None = None
) -> Path:
    """Write a mixture of the models saved in the folders `parts`, which are copied to `1`, `2` ... inside.

    Raises InputError where there is not one weight a part, ModelError for a part without a vocabulary or with
    another, StorageError.
    """
    if not len(parts) or len(parts) != len(weights):
        raise InputError(f"{len(parts)} folders and {len(weights)} weights; give one weight a folder")
    vocabulary = Vocabulary.load(parts[0])
    for part in parts[1:]:
        vocabulary.must_equal(Vocabulary.load(part), f"'{part}'")
    values = {"format": FORMAT, "weights": [float(one) for one in weights]}
    with atomic_folder(folder) as place:
        for number, part in enumerate(parts, start=1):
            shutil.copytree(part, place / str(number))
        vocabulary.save(place)
        atomic_write(place / NAME, (json.dumps(values, indent=1) + "\n").encode())
        if card is not None:
            card.save(place)
    return Path(folder)


def load_mixture(folder: str | Path, load: Callable[[Path], LanguageModel]) -> Mixture:
    """Open a mixture; `load` opens the folder of each part, whatever kind of model that is.

    Raises ModelError for a folder that is incomplete or damaged.
    """
    path = Path(folder) / NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise ModelError(
                f"{path} has format {values['format']}, this macaw reads up to {FORMAT}; upgrade macaw"
            )
        weights = np.array(values["weights"], np.float64)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"'{folder}' is no mixture: it has no {NAME}; {_RESTORE}") from None
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    except (ValueError, KeyError, TypeError) as problem:
        if isinstance(problem, ModelError):
            raise
        raise ModelError(f"{path} is damaged ({' '.join(str(problem).split())}); {_RESTORE}") from problem
    try:
        return Mixture([load(Path(folder) / str(n)) for n in range(1, len(weights) + 1)], weights)
    except InputError as problem:
        raise ModelError(f"{path} is damaged: {problem}; {_RESTORE}") from problem
