"""Export a model as a sketch for a board, its detector as C that compiles by itself."""

from kws.export.sketch import export

__all__ = ["export"]
