"""Field types that the parts of `spec.http` share: expressions, templates, names of headers, statuses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from storyjob.api.extensions import list_set

EXPRESSION_LIMIT = 500  # characters
TEXT_LIMIT = 4000  # characters of one text of a template

Expression = Annotated[str, Field(min_length=1, max_length=EXPRESSION_LIMIT)]
"""JMESPath over a JSON answer; docs/providers/http.md says which part of the language."""
Path = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^/[^\s?#]*$")]
"""Put behind the endpoint; placeholders in it are percent-encoded."""
HeaderName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9-]+$")]
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]
Headers = Annotated[dict[str, Text], Field(max_length=32)]
Query = Annotated[dict[str, Text], Field(max_length=32)]
Body = Annotated[dict[str, Any], Field(max_length=256)]
Success = Annotated[int, Field(ge=200, le=299, description="An HTTP status.")]
AnyStatus = Annotated[int, Field(ge=300, le=599, description="An HTTP status.")]
Word = Annotated[str, Field(min_length=1, max_length=100, description="A word, compared as it is.")]
Words = Annotated[list[Word], Field(max_length=32, json_schema_extra=list_set())]
Seconds = Annotated[int, Field(ge=1, le=600)]
