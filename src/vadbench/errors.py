"""The one exception type that users meet."""

__all__ = ["VadbenchError"]


class VadbenchError(Exception):
    """A problem the user can act on.

    The message says, first line first: what was found, where (file, clip, frame), what was
    expected, and what to do. Commands and workflow scripts print it without a traceback.
    """

    def __str__(self) -> str:
        """The message; what is not to be printed, which file names may hold, is escaped."""
        return "".join(
            letter
            if letter.isprintable() or letter in "\n\t"
            else letter.encode("unicode_escape").decode()
            for letter in super().__str__()
        )
