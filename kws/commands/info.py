"""Implement `kws info`: describe a model."""

from __future__ import annotations

import json as json_format

from kws.commands.options import Json, Model


def info(model: Model = "home", json: Json = False) -> None:
    """Show the keywords, settings and cost of a model, and its model card."""
    from kws.console.model_info import as_dict, as_text
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    print(json_format.dumps(as_dict(model_file), indent=2) if json else as_text(model_file))
