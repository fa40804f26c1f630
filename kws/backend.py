"""The road by the fastest path that is there: in C, where kws was built with a compiler, else in
Python. Both give the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from kws.config import FrontEnd
from kws.engine.native import AVAILABLE, NativeDsCnn, NativeMfcc, NativeSpotter
from kws.model_file import ModelFile

if TYPE_CHECKING:
    from kws.ds_cnn import DsCnn
    from kws.mfcc import Mfcc
    from kws.spotter import Spotter

    AnyMfcc: TypeAlias = Mfcc | NativeMfcc
    AnyDsCnn: TypeAlias = DsCnn | NativeDsCnn
    AnySpotter: TypeAlias = Spotter | NativeSpotter

PATH = "C" if AVAILABLE else "Python"


def mfcc(spec: FrontEnd) -> AnyMfcc:
    """The front end: kws.mfcc.Mfcc or its equal."""
    if AVAILABLE:
        return NativeMfcc(spec)
    from kws.mfcc import Mfcc

    return Mfcc(spec)


def ds_cnn(model: ModelFile) -> AnyDsCnn:
    """The network: kws.ds_cnn.DsCnn or its equal."""
    if AVAILABLE:
        return NativeDsCnn(model)
    from kws.ds_cnn import DsCnn

    return DsCnn(model)


def spotter(model: ModelFile) -> AnySpotter:
    """The whole detector: kws.spotter.Spotter or its equal."""
    if AVAILABLE:
        return NativeSpotter(model)
    from kws.spotter import Spotter

    return Spotter(model)
