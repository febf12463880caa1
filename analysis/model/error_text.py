"""Parts of an error's text: the storage's XML document, and quotations that may be the user's."""

from __future__ import annotations

import re

# error document of Azure Blob Storage and of Amazon S3
_XML = re.compile(r"<(Code|Message|AuthenticationErrorDetail)>([^<]{1,2000})</\1>")
_QUOTED = re.compile(r"""(["'`])(?:(?!\1).){40,2000}\1""")
_CAMEL = re.compile(r"(?:[A-Z][a-z]{1,20}){1,8}\Z")


def xml_error(text: str) -> dict[str, str]:
    """``Code``, ``Message`` and ``AuthenticationErrorDetail`` of a storage error; {} without."""
    return dict(_XML.findall(text))


def without_quotations(text: str) -> str:
    """The text with each quotation of 40 or more characters replaced by ``[quoted]``."""
    return _QUOTED.sub("[quoted]", text)


def is_camel_word(text: str) -> bool:
    """True for words such as ``AuthenticationFailed``, which are long but no token."""
    return _CAMEL.match(text) is not None
