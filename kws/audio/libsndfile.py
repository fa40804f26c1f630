"""Import soundfile, which loads libsndfile; say what to install where that is missing."""

from kws.errors import KwsError

try:
    import soundfile
except OSError:  # soundfile's package for musl and 32-bit ARM takes the system's libsndfile
    raise KwsError(
        "libsndfile is not installed (Debian and Ubuntu: apt install libsndfile1;"
        " Alpine: apk add libsndfile)"
    ) from None

__all__ = ["soundfile"]
