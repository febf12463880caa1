"""Addresses with their ports, as a NetLog writes them."""

from __future__ import annotations

from analysis.model.markup import sound


def endpoint(text: str | None) -> tuple[str | None, int | None]:
    """Address and port of ``127.0.0.1:443`` or ``[::1]:443``; None for what is not there."""
    address, _, port = (text or "").rpartition(":")
    digits = port if port.isascii() and port.isdigit() and len(port) < 6 else ""
    return sound(address.strip("[]"))[:60] or None, int(digits) if digits else None
