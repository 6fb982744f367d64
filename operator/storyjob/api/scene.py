"""Scene: the ledger of what was bought for one scene of a story. Made by the operator, not by users."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from storyjob.api.conditions import CONDITIONS, Condition
from storyjob.api.extensions import immutable
from storyjob.api.legible import Amount, Moment
from storyjob.api.mediaprovider import Name
from storyjob.api.resource import ApiModel, ObjectMeta
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.wishes import AudioRequest, ImageRequest, SceneName, Source, VideoRequest

Hash = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=1024)]


JOB_ID_LIMIT = 512  # characters
FORMER_JOBS = 16  # of those that ended in the time in which a lost job is looked for there are fewer


class StoryRef(ApiModel):
    """The story that a scene belongs to."""

    name: Annotated[Name, Field(description="Name of the StoryJob in the same namespace.")]


class SceneSpec(ApiModel):
    """What the scene asks for, with the story's defaults merged in."""

    story_ref: Annotated[
        StoryRef,
        Field(
            description="The story that this scene belongs to. It cannot be changed.",
            json_schema_extra=immutable(
                "spec.storyRef cannot be changed: scenes are made by the operator from the StoryJob; edit that"
            ),
        ),
    ]
    name: Annotated[
        SceneName,
        Field(
            description="The scene's name in the story. It cannot be changed.",
            json_schema_extra=immutable(
                "spec.name cannot be changed: scenes are made by the operator from the StoryJob; edit that"
            ),
        ),
    ]
    index: Annotated[int, Field(ge=0, le=999, description="The scene's place in the story, from 0.")]
    image: Annotated[ImageRequest | None, Field(description="A picture to be generated.")] = None
    audio: Annotated[AudioRequest | None, Field(description="A narration to be spoken.")] = None
    video: Annotated[VideoRequest | None, Field(description="A clip to be generated.")] = None
    source: Annotated[Source | None, Field(description="A file of your own to be shown.")] = None
    seconds: Annotated[
        float | None, Field(gt=0, le=600, description="How long a picture without narration is seen.")
    ] = None
    regenerate: Annotated[
        str | None, Field(max_length=64, description="Any new text makes all media of the scene anew.")
    ] = None
    cache: Annotated[
        Literal["Reuse", "Bypass"],
        Field(description="Bypass: bytes in the bucket are not reused for new steps."),
    ] = "Reuse"

    def kinds(self) -> list[StepKind]:
        """Return the steps that this scene asks for."""
        # Asked for every scene at every look at its story, so without iterating over the enumeration.
        wishes = ((StepKind.IMAGE, self.image), (StepKind.AUDIO, self.audio), (StepKind.VIDEO, self.video))
        return [kind for kind, wish in wishes if wish is not None]

    def wish(self, kind: StepKind) -> ImageRequest | AudioRequest | VideoRequest | None:
        """Return what is asked for of one kind."""
        match kind:
            case StepKind.IMAGE:
                return self.image
            case StepKind.AUDIO:
                return self.audio
            case StepKind.VIDEO:
                return self.video


class StepOutput(ApiModel):
    """A file in the bucket."""

    uri: Annotated[str, Field(max_length=1024, description="s3:// address.")]
    sha256: Annotated[Hash, Field(description="SHA-256 of the bytes, hex.")]
    bytes: Annotated[int, Field(ge=0, description="Size.")]
    content_type: Annotated[str, Field(max_length=100, description="Media type, found from the bytes.")]
    seconds: Annotated[float | None, Field(ge=0, description="Measured length of a narration or clip.")] = None


class CallbackRecord(ApiModel):
    """A webhook that came. The sidecar writes it and nothing else; a hint, never a result."""

    token_hash: Annotated[Hash, Field(description="SHA-256 of the token in the callback's URL.")]
    job_id: Annotated[
        str | None, Field(max_length=JOB_ID_LIMIT, description="The provider's job, as the callback said.")
    ] = None
    at: Annotated[Moment, Field(description="When it came.")]
    ended: Annotated[bool, Field(description="Whether it said that the job has ended.")] = True


class StepStatus(ApiModel):
    """One step and its newest attempt."""

    phase: Annotated[StepPhase, Field(description="Where the step stands.")] = StepPhase.WAITING
    attempt: Annotated[int, Field(ge=0, description="How many attempts were begun, over the step's whole life.")] = 0
    failures: Annotated[int, Field(ge=0, description="Failed attempts that count against `retry.limit`.")] = 0
    throttles: Annotated[
        int, Field(ge=0, description="How often in a row the provider was too busy or away to take it; never counted.")
    ] = 0
    allowance: Annotated[
        str | None,
        Field(max_length=64, description="What the failures are counted for: a new wish starts from 0."),
    ] = None
    fallback: Annotated[
        int,
        Field(ge=0, description="Who is asked first since others refused the content: a place in `fallbacks`, from 1."),
    ] = 0
    token_hash: Annotated[Hash | None, Field(description="SHA-256 of the attempt's random token.")] = None
    input_hash: Annotated[Hash | None, Field(description="SHA-256 of what was asked for, pinned at intent.")] = None
    provider: Annotated[str | None, Field(max_length=63, description="MediaProvider that was asked.")] = None
    model: Annotated[str | None, Field(max_length=200, description="Model that was asked.")] = None
    job_id: Annotated[str | None, Field(max_length=JOB_ID_LIMIT, description="The provider's name of the job.")] = None
    former_jobs: Annotated[
        list[Annotated[str, Field(max_length=JOB_ID_LIMIT, description="A job.")]] | None,
        Field(
            max_length=FORMER_JOBS,
            description="The jobs of the newest attempts before this one, oldest first.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    handles: Annotated[
        dict[str, Annotated[str, Field(max_length=1024)]] | None,
        Field(max_length=8, description="What else is needed to find the job at the provider."),
    ] = None
    intent_at: Annotated[Moment | None, Field(description="When it was decided to buy.")] = None
    submitted_at: Annotated[Moment | None, Field(description="When the provider took the job.")] = None
    made_at: Annotated[Moment | None, Field(description="When its result was first seen.")] = None
    finished_at: Annotated[Moment | None, Field(description="When the bytes were stored, or the attempt failed.")] = (
        None
    )
    retry_at: Annotated[Moment | None, Field(description="No new attempt before this.")] = None
    lost_at: Annotated[
        Moment | None, Field(description="Since when nobody knows what became of the newest attempt.")
    ] = None
    resolution: Annotated[
        str | None, Field(max_length=256, description="The resolve annotation that was last acted on.")
    ] = None
    estimated_cost: Annotated[Amount | None, Field(description="USD, before the attempt.")] = None
    cost: Annotated[Amount | None, Field(description="USD, of the newest attempt, once known.")] = None
    previous_cost: Annotated[Amount | None, Field(description="USD, of all attempts before.")] = None
    possible_duplicate: Annotated[
        Amount | None, Field(description="USD, of attempts of unknown outcome that were bought again.")
    ] = None
    reused: Annotated[bool, Field(description="The bytes were in the bucket already; nothing was bought.")] = False
    reason: Annotated[str | None, Field(max_length=64, description="Why it is in this phase, in one word.")] = None
    message: Annotated[Text | None, Field(description="Why it is in this phase, for a person.")] = None
    output: Annotated[StepOutput | None, Field(description="What was made.")] = None
    callback: Annotated[CallbackRecord | None, Field(description="The webhook that came, if one did.")] = None

    @property
    def live(self) -> bool:
        """Whether an attempt may be running at the provider, or its result is not yet in the bucket."""
        return self.phase in LIVE_PHASES


LIVE_PHASES = frozenset({StepPhase.SUBMITTING, StepPhase.RUNNING, StepPhase.STORING, StepPhase.OUTCOME_UNKNOWN})


class Steps(ApiModel):
    """The steps by kind: an object and not a list, since a merge patch replaces a list whole."""

    image: Annotated[StepStatus | None, Field(description="The picture.")] = None
    audio: Annotated[StepStatus | None, Field(description="The narration.")] = None
    video: Annotated[StepStatus | None, Field(description="The clip.")] = None

    def get(self, kind: StepKind) -> StepStatus | None:
        """Return the status of one step, None before anything happened to it."""
        step: StepStatus | None = getattr(self, kind.value)
        return step


class SceneStatus(ApiModel):
    """What was bought for this scene and where it is."""

    observed_generation: Annotated[int, Field(description="The generation of the spec that this status is of.")] = -1
    phase: Annotated[
        Literal["Pending", "Processing", "Completed", "Failed"] | None,
        Field(description="The scene in one word."),
    ] = None
    steps: Annotated[Steps, Field(description="The media requests and their newest attempts.")] = Steps()
    source: Annotated[StepOutput | None, Field(description="The file of your own, as found in the bucket.")] = None
    conditions: Annotated[
        list[Condition],
        Field(max_length=16, description="Ready, Reconciling, Stalled, …", json_schema_extra=CONDITIONS),
    ] = []


_UNTOUCHED = StepStatus()


class Scene(ApiModel):
    """The ledger of what was bought for one scene of a story."""

    metadata: ObjectMeta
    spec: SceneSpec
    status: SceneStatus = SceneStatus()

    def step(self, kind: StepKind) -> StepStatus:
        """Return the status of one step; a step that nothing happened to yet waits."""
        return self.status.steps.get(kind) or _UNTOUCHED
