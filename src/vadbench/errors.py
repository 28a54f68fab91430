"""The one exception type that users meet."""

__all__ = ["VadbenchError"]


class VadbenchError(Exception):
    """A problem the user can act on.

    The message says, first line first: what was found, where (file, clip, frame), what was
    expected, and what to do. Commands and workflow scripts print it without a traceback.
    """
