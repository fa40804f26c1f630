"""Load a certificate and its key for TLS, without ever asking for a passphrase."""

from __future__ import annotations

import ssl
from pathlib import Path

from kws.errors import KwsError


def load_certificate(
    context: ssl.SSLContext, certificate: str | Path, key: str | Path | None
) -> None:
    """Load a certificate in PEM and its key, which the same file may hold; else KwsError."""
    try:
        context.load_cert_chain(certificate, key, password="")  # else it asks on the terminal
    except (OSError, ssl.SSLError) as error:
        names = certificate if key is None else f"{certificate}, {key}"
        raise KwsError(f"{names}: {tls_problem(error)}") from error


def tls_problem(error: OSError) -> str:
    """Return what is wrong with a file of a certificate or of a key."""
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is of another certificate"
    return "no certificate or key in PEM that can be read without a passphrase"
