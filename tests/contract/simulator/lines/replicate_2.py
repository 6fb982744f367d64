# /// script
# requires-python = ">=3.11"
# dependencies = ["replicate==2.0.0b4"]
# ///
"""Replicate's 2 client, as its users use it. Takes the simulator's URL and a receiver's; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from replicate import APIStatusError, Replicate
from replicate.types import Prediction

OWNER, NAME = "black-forest-labs", "flux-dev"
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"


def wish(text: str) -> dict[str, object]:
    return {"prompt": text, "seed": 7}


def told(prediction: Prediction) -> dict[str, object]:
    return prediction.model_dump(
        mode="json", include={"id", "status", "model", "version", "output", "error", "metrics"}
    )


def refused(client: Replicate, **body: object) -> dict[str, object]:
    try:
        client.models.predictions.create(model_owner=OWNER, model_name=NAME, **body)
    except APIStatusError as error:
        return {"error": type(error).__name__, "status": error.status_code, "detail": error.body["detail"]}
    return {}


def main(simulator: str, receiver: str) -> dict[str, object]:
    base = f"{simulator}/replicate/v1"
    client = Replicate(bearer_token="r8_simulator", base_url=base)
    models = client.models.predictions

    def made(prediction: Prediction) -> dict[str, object]:
        return told(client.predictions.wait(prediction.id))

    events = ["start", "completed"]
    by_model = models.create(
        model_owner=OWNER, model_name=NAME, input=wish("by model"), webhook=receiver, webhook_events_filter=events
    )
    seen: dict[str, object] = {"sdk": version("replicate"), "by_model": made(by_model)}
    seen["by_version"] = made(client.predictions.create(version=VERSION, input=wish("by version")))
    seen["by_deployment"] = made(
        client.deployments.predictions.create(
            deployment_owner="acme", deployment_name="pictures", input=wish("by deployment")
        )
    )
    seen["waited"] = told(
        models.create(model_owner=OWNER, model_name=NAME, input=wish("waited"), prefer="wait=5", cancel_after="60s")
    )
    seen["picture"] = client._client.get(seen["by_model"]["output"][0]).headers["content-type"]
    endless = models.create(model_owner=OWNER, model_name=NAME, input=wish("endless"))
    client.predictions.cancel(prediction_id=endless.id)
    seen["cancelled"] = made(endless)
    listed = client.predictions.list(created_after=client.predictions.get(prediction_id=by_model.id).created_at)
    seen["listed"] = [prediction.input["prompt"] for prediction in listed]
    seen["secret"] = client.webhooks.default.secret.get().key
    seen["invalid"] = refused(client, input={})
    stranger = Replicate(bearer_token="r8_stranger", base_url=base)
    seen["stranger"] = refused(stranger, input=wish("a stranger"))
    seen["repeated"] = told(models.create(model_owner=OWNER, model_name=NAME, input=wish("repeated")))["status"]
    return seen


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
