"""How properties are tried in unit tests: few examples, since they run on every change, and never against a clock."""

from __future__ import annotations

from hypothesis import settings

quick = settings(deadline=None, max_examples=25)
