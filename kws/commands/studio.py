"""Implement `kws studio`: serve the studio's pages to a browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import require_extra

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Workspace: models, recordings and clips.")
]
Host = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        envvar="KWS_STUDIO_TOKEN",
        help="What others must know; a random one, where others can reach the address.",
        show_default="none on this machine",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE.pem", help="Certificate for TLS, with --key.")
]
Key = Annotated[Path | None, typer.Option(metavar="FILE.pem", help="Key of the certificate.")]
MIN_TOKEN = 8  # characters


def studio(
    folder: Folder = Path("kws-studio"),
    host: Host = "127.0.0.1",
    port: Port = 10800,
    token: Token = None,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Open a web application for wake words: http://127.0.0.1:10800.

    Listen to a model and hear each trigger again; record takes of your own
    words; say what kept clips are; train, evaluate, export. The studio sends
    nothing to anyone but the browsers that open it. Only this machine can reach
    the address; with --host, others can who know the token. Their browsers give
    a microphone only to pages over TLS.

    Ctrl-C and SIGTERM are the normal end, with exit status 0.
    """
    require_extra("kws studio", "studio", "starlette", "uvicorn", "websockets")
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--certificate and --key belong together")
    if token is not None and not (len(token) >= MIN_TOKEN and token.isascii() and token.isalnum()):
        raise typer.BadParameter(f"--token: {MIN_TOKEN} or more letters and digits")
    from kws.studio.server import StudioServer, Tls
    from kws.studio.workspace import Workspace

    tls = Tls(certificate, key) if certificate and key else None
    server = StudioServer(Workspace(folder), host, port, token, tls)
    print(f"kws studio: {server.url}", flush=True)
    with suppress(KeyboardInterrupt):
        server.run()
