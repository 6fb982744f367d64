"""The rules of a story that no field can say alone, for the API server to check at apply."""

from __future__ import annotations

from storyjob.api.extensions import Rule
from storyjob.api.wishes import PROMPT_LIMIT

# An even number from 16, the least that the encoder takes, to 7680 (8K).
_SIDE = "(1[68]|[2-9][02468]|[1-9][0-9][02468]|[1-6][0-9]{2}[02468]|7[0-5][0-9][02468]|76[0-7][02468]|7680)"
RESOLUTION = f"^{_SIDE}x{_SIDE}$"
OF_RESOLUTION = Rule(
    f"self.matches('{RESOLUTION}')",
    "resolution must be width x height in pixels, both even and from 16 to 7680, such as 1280x720",
)

OF_SCENE = (
    Rule(
        "has(self.image) || has(self.video) || has(self.source)",
        "a scene needs something to see: set image, video or source",
    ),
    Rule(
        "!has(self.source) || !(has(self.image) || has(self.video))",
        "source is shown instead of anything generated: remove image and video, or remove source",
        field=".source",
    ),
    Rule(
        "!has(self.video) || !has(self.video.from) || has(self.image)",
        "video.from is image, but the scene has no image to start from: set image, or remove video.from",
        field=".video.from",
    ),
    Rule(
        "!has(self.dependsOn) || !self.dependsOn.exists(other, other == self.name)",
        "dependsOn names the scene itself, so it could never begin: remove its own name",
        field=".dependsOn",
    ),
)

OF_RETRY = Rule(
    "self.backoffSeconds <= self.maxBackoffSeconds",
    "spec.retry.backoffSeconds must not be above spec.retry.maxBackoffSeconds (300 unless set): "
    "raise maxBackoffSeconds",
    field=".backoffSeconds",
)

# Whether dependsOn names a scene that exists is left to the operator: with 1,000 scenes the API server
# reckons that rule at 53 times of what it allows.
OF_STORY = Rule(
    # A Scene holds the two together, and its prompt is bounded as the story's is.
    "!has(self.defaults) || !has(self.defaults.style) || self.scenes.all(scene, !has(scene.image) || "
    f"scene.image.prompt.size() + self.defaults.style.size() + 2 <= {PROMPT_LIMIT})",
    f"an image prompt and spec.defaults.style may have {PROMPT_LIMIT} characters together, with the comma and space "
    "between: shorten one of them",
)
