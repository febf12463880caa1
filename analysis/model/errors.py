"""Errors that end in one sentence for the user.

Named by who must act, so that the command line can choose the exit code.
"""

from __future__ import annotations


class ChatpathError(Exception):
    """Root of all errors that are shown as a sentence, never as a traceback.

    The message is a whole sentence that ends with the next step.
    """

    exit_code = 2

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        """The message itself: str() of the error would make it plain English."""


class UsageError(ChatpathError):
    """The command was given something that cannot be done (exit code 2)."""


class InputError(ChatpathError):
    """An input could not be read (exit code 3)."""

    exit_code = 3
