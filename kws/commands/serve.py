"""Implement `kws serve`: detect wake words for Home Assistant and other Wyoming clients."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from kws import __version__
from kws.commands.options import finite, require_extra

if TYPE_CHECKING:
    from kws.serve.address import Address
    from kws.serve.tuning import Tuning

DEFAULT_URI = "tcp://127.0.0.1:10400"
DEFAULT_NAME = "="  # of --zeroconf without a name

Uri = Annotated[
    str,
    typer.Option(
        metavar="tcp://HOST:PORT|unix://PATH|stdio://",
        help="Where to listen; 0.0.0.0 is every network of this machine.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="A shipped model or a .tflite file; may be repeated.",
        show_default="home",
    ),
]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--custom-model-dir",
        metavar="DIR",
        help="A folder of .tflite models, which may come and go; may be repeated.",
    ),
]
SensitivityNames = Annotated[
    list[str] | None,
    typer.Option(
        "--sensitivity",
        metavar="[KEYWORD=]low|normal|high",
        help="Operating point of all keywords or of one; may be repeated.",
        show_default="the models' thresholds",
    ),
]
Numbers = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[KEYWORD=]NUMBER",
        help="Threshold of all keywords or of one, above 0 up to 1; may be repeated.",
    ),
]
Refractory = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        callback=finite,
        help="Time after a detection without another of the same keyword, beyond the model's own.",
    ),
]
Zeroconf = Annotated[
    str | None,
    typer.Option(
        metavar="[NAME]",
        help="Let Home Assistant find this server in the local network.",
        show_default="kws-HOSTNAME",
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Ask the server at --uri what it offers, and exit.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Log detections and clients.")]


def _print_version(requested: bool) -> None:
    if requested:
        print(__version__)
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
]


class OptionalName(TyperCommand):
    """Let --zeroconf stand with and without a name, as in other Wyoming servers."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give --zeroconf the default name where an option or nothing follows."""
        for index, following in enumerate([*args[1:], "-"]):
            if args and args[index] == "--zeroconf" and following.startswith("-"):
                args[index] += f"={DEFAULT_NAME}"
        return super().parse_args(ctx, args)


def serve(
    uri: Uri = DEFAULT_URI,
    model: Models = None,
    custom_model_dir: Folders = None,
    sensitivity: SensitivityNames = None,
    threshold: Numbers = None,
    refractory_seconds: Refractory = 0.0,
    zeroconf: Zeroconf = None,
    check: Check = False,
    debug: Debug = False,
    version: Version = False,
) -> None:
    """Detect wake words in the audio of Wyoming clients such as Home Assistant.

    Each keyword of the models is a wake word. Folders are looked at whenever a
    client asks what there is: a model copied there can be chosen at once.

    There is no password: whoever reaches the address may use the server. It
    listens to what clients send, never to a microphone, and keeps no audio.

    Ctrl-C and SIGTERM are the normal end, with exit status 0.
    """
    require_extra("kws serve", "serve", "wyoming")
    from kws.serve.address import Address
    from kws.serve.tuning import Tuning

    address = Address.parse(uri)
    if check:
        return _print_wake_words(address)
    if zeroconf is not None:
        require_extra("kws serve --zeroconf", "serve", "zeroconf")
        if address.scheme != "tcp":
            raise typer.BadParameter("--zeroconf announces a tcp:// address")
    if debug:
        logging.getLogger("kws").setLevel(logging.DEBUG)
    tuning = Tuning.parse(sensitivity or [], threshold or [], refractory_seconds)
    with suppress(KeyboardInterrupt):
        _serve(model, custom_model_dir or [], tuning, address, zeroconf)


def _print_wake_words(address: Address) -> None:
    """Print what the server at an address offers."""
    from kws.serve.probe import wake_word_names

    print(*wake_word_names(address), sep="\n")


def _serve(
    models: list[str] | None,
    folders: list[Path],
    tuning: Tuning,
    address: Address,
    zeroconf: str | None,
) -> None:
    """Read the models and serve until the end of standard input, or until an interrupt."""
    from kws.model_file import DEFAULT_MODEL
    from kws.serve.wake_words import WakeWords

    wake_words = WakeWords(models or [DEFAULT_MODEL], folders, tuning)
    if address.scheme == "stdio":
        from kws.serve.stdio_server import serve_stdio

        return serve_stdio(wake_words)
    import asyncio

    from kws.serve.discovery import default_name
    from kws.serve.socket_server import SocketServer

    name = default_name() if zeroconf == DEFAULT_NAME else zeroconf
    asyncio.run(SocketServer(wake_words).run(address, name))
