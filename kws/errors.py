"""The one exception that a user is meant to see."""


class KwsError(Exception):
    """Something a user can put right; its message is one line that says what and where."""
