# SPDX-License-Identifier: Apache-2.0
"""What weir raises."""


class Error(Exception):
    """What weir could not do.

    code: "NotFound", "Permission", "Busy", "Unsupported", "Invalid", "Rejected" or "Io"; log: all that a compiler or
    the verifier said, else empty; hint: what to do about it, else empty.
    """

    def __init__(self, message, code="Invalid", log="", hint=""):
        super().__init__(message)
        self.code, self.log, self.hint = code, log, hint


class Overrun(Exception):
    """Raised in an extractor's callback that has taken two windows: it is to come to an end."""

    def __init__(self, message="the callback has taken more than two windows"):
        super().__init__(message)


for _kind in (Error, Overrun):
    _kind.__module__ = "weir"  # where scripts have them from, and what tracebacks say
