"""The folder below which clients may choose models, the value of `--allow-reload`."""

from __future__ import annotations

import os
from pathlib import Path

from lightship.cli.options import WrongArguments

FLAG, NAME = "--allow-reload", "allow_reload"


def reload_root(text: str | None) -> Path | None:
    """Returns the folder below which clients may choose models, or None if they may not reload.

    Raises WrongArguments for an empty text, for what is not a folder, and for a model's folder, which was meant as
    MODEL.
    """
    if text is None:
        return None
    from lightship.saved_model.versions import expected_in_model_folder

    if not text:
        raise WrongArguments(
            f"{FLAG}= has no folder after the =: give {FLAG}=ROOT, or {FLAG} alone for any folder", NAME
        )
    root = Path(text)
    if not os.path.isdir(root):  # Path.is_dir raises for a name that is too long
        raise WrongArguments(
            f"{text!r} is not a folder: give the folder below which clients may choose models, or / for any", NAME
        )
    if expected_in_model_folder(root) is None:
        raise WrongArguments(
            f"{FLAG} took {text!r} as its ROOT, which is a model's own folder: give MODEL before {FLAG}, or as "
            "ROOT a folder of models",
            NAME,
        )
    return root.absolute()
