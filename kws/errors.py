"""Define the exception whose message a user is meant to see."""


class KwsError(Exception):
    """Report an error that a user can correct; the message is one line that says what and where."""
