"""The OpenAPI document of all plugins together reads like one: names of its own, nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def test_no_two_schemas_share_a_name(document: dict[str, Any]) -> None:
    """Where two do, both are called by their modules, and change their names with the other."""
    named = document["components"]["schemas"]
    assert len(named) > 100
    assert [each for each in named if "__" in each] == []


def test_each_operation_says_what_it_does(document: dict[str, Any]) -> None:
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) > 150
    ids = Counter(each["operationId"] for each in operations.values())
    assert [each for each, times in ids.items() if times > 1] == []
    silent = [key for key, each in operations.items() if not each.get("description")]
    assert silent == []
    homeless = [key for key, each in operations.items() if not each.get("tags")]
    assert [key for key in homeless if " /api/" in key] == []


def test_no_two_paths_differ_in_names_of_parameters_alone(document: dict[str, Any]) -> None:
    """They would be one path, says OpenAPI 3.1 (Paths Object)."""
    shapes = Counter(re.sub(r"\{\w+\}", "{}", path) for path in document["paths"])
    assert [shape for shape, times in shapes.items() if times > 1] == []
