"""`kws info`: what a model is."""

from __future__ import annotations

import json as json_format

from kws.commands.options import Json, Model


def info(model: Model, json: Json = False) -> None:
    """Show what a model listens for, what it costs and what it was made from."""
    from kws.console.model_info import describe, text
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    if json:
        print(json_format.dumps(describe(model_file), indent=2))
    else:
        print(text(model_file))
