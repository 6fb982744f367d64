"""How amounts of money are written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Money = Annotated[str, Field(max_length=20, pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
"""US dollars as a decimal string."""
