"""What chatpath knows: hosts, vendors, codes, thresholds and wording, as tables with sources.

Read with the standard library alone, because the recorder imports this.
"""

from __future__ import annotations

from analysis.knowledge.catalogue import Catalogue, CatalogueEntry, findings
from analysis.knowledge.hosts import HostRule, Hosts, hosts
from analysis.knowledge.thresholds import threshold
from analysis.knowledge.wording import Wording, wording

RULES_VERSION = "2026.11.1"
"""Changes with every change of a rule or a table, so that two diagnoses can be compared."""

__all__ = [
    "RULES_VERSION",
    "Catalogue",
    "CatalogueEntry",
    "HostRule",
    "Hosts",
    "Wording",
    "findings",
    "hosts",
    "threshold",
    "wording",
]
