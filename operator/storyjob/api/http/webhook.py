"""How a declared HTTP service calls back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.extensions import Rule, rules
from storyjob.api.http.fields import Expression, HeaderName
from storyjob.api.resource import ApiModel


class Signature(ApiModel):
    """How callbacks are signed."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(self.scheme == 'HmacSHA256') == has(self.header)",
                "spec.http.webhook.signature.header names the header of scheme HmacSHA256: set it for that scheme, "
                "and for no other",
            )
        )
    )

    scheme: Annotated[
        Literal["None", "StandardWebhooks", "HmacSHA256"],
        Field(
            description="None: only the random token in the URL proves them. StandardWebhooks: "
            "www.standardwebhooks.com. HmacSHA256: of the raw body, in a header."
        ),
    ]
    header: Annotated[HeaderName | None, Field(description="The header of an HmacSHA256 signature.")] = None
    format: Annotated[Literal["Hex", "Base64"], Field(description="How it is written there.")] = "Hex"
    prefix: Annotated[
        str, Field(max_length=50, pattern=r"^[ -~]*$", description='What stands before it, such as "sha256=".')
    ] = ""


class Webhook(ApiModel):
    """What a callback says. `{{callbackUrl}}` in `submit` says where the service is told the address."""

    signature: Annotated[Signature, Field(description="How it is signed, with the key of `spec.webhook`.")]
    job_id: Annotated[Expression | None, Field(description="JMESPath of the job's id in the callback.")] = None
    ended_when: Annotated[
        Expression | None,
        Field(description="JMESPath that is true in a callback which says that the job has ended; else each does."),
    ] = None
