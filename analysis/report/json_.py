"""A diagnosis or a comparison as JSON, and the schemas that every such output keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import resources

import numpy as np

from analysis.model.comparison import Comparison
from analysis.model.diagnosis import Diagnosis
from analysis.report.language import Language


def render_json(document: Diagnosis | Comparison, language: Language = Language.EN) -> str:
    """One ``chatpath.diagnosis/1`` or ``comparison/1`` object, indented, with a final line feed.

    Everything outside printable ASCII is escaped, so that a hostile name can
    neither steer a terminal nor swap what is read. A number that JSON cannot
    hold (infinity, not-a-number) becomes null. The same document always gives the
    same text.
    """
    text = json.dumps(_json(language.said(document).to_json()), indent=2, allow_nan=False)
    return text.replace("\x7f", "\\u007f") + "\n"  # DEL is ASCII, so json leaves it as it is


def diagnosis_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of ``chatpath.diagnosis/1``."""
    return _schema("diagnosis")


def comparison_schema() -> dict[str, object]:
    """The JSON Schema of ``chatpath.comparison/1``; it refers to that of the diagnosis by `$id`."""
    return _schema("comparison")


def _schema(name: str) -> dict[str, object]:
    text = resources.files("analysis.report").joinpath(f"{name}.schema.json").read_text("utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema


def _json(value: object) -> object:
    """`value` in JSON's types; measurements may hold NumPy's."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_json(item) for item in value), key=str)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_json(item) for item in value]
    return str(value)
