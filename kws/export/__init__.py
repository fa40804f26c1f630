"""Export a model as a folder of C that compiles by itself."""

from kws.export.folder import export

__all__ = ["export"]
