"""StoryJob: a story as users write it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.conditions import CONDITIONS, Condition
from storyjob.api.extensions import instead_of_pattern, list_map, list_set, rules
from storyjob.api.legible import Amount, Moment, Seconds
from storyjob.api.mediaprovider import DNS_LABEL
from storyjob.api.resource import ApiModel, ObjectMeta
from storyjob.api.storyrules import OF_RESOLUTION, OF_RETRY, OF_SCENE, OF_STORY, RESOLUTION
from storyjob.api.unknown import UnknownOutcome
from storyjob.api.wishes import (
    AudioDefaults,
    AudioRequest,
    ImageDefaults,
    ImageRequest,
    SceneName,
    Seed,
    Source,
    VideoDefaults,
    VideoRequest,
)

StoryPhase = Literal["Pending", "Processing", "Finalizing", "Completed", "Failed", "Suspended"]


class StoryScene(ApiModel):
    """One scene: something to see (an image, a video or a source) and perhaps something to hear."""

    model_config = ConfigDict(json_schema_extra=rules(*OF_SCENE))

    name: SceneName
    depends_on: Annotated[
        list[SceneName],
        Field(
            max_length=16,
            description="Scenes that must be complete before this one begins.",
            json_schema_extra=list_set(),
        ),
    ] = []
    image: Annotated[ImageRequest | None, Field(description="A picture to be generated.")] = None
    audio: Annotated[AudioRequest | None, Field(description="A narration; the scene is seen until it ends.")] = None
    video: Annotated[VideoRequest | None, Field(description="A clip; shown instead of the picture.")] = None
    source: Annotated[
        Source | None,
        Field(description="A picture or clip of your own, shown instead of something generated."),
    ] = None
    seconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=600,
            description="How long a picture without narration is seen; 4 when absent. Clips and narrations play whole.",
        ),
    ] = None
    regenerate: Annotated[
        str | None, Field(max_length=64, description="Any new text makes all media of this scene anew.")
    ] = None


class Defaults(ApiModel):
    """What all scenes have in common."""

    style: Annotated[
        str | None, Field(max_length=1000, description="Appended to every image prompt, after a comma.")
    ] = None
    seed: Seed | None = None
    image: Annotated[ImageDefaults | None, Field(description="For image requests that do not say otherwise.")] = None
    audio: Annotated[AudioDefaults | None, Field(description="For narrations that do not say otherwise.")] = None
    video: Annotated[VideoDefaults | None, Field(description="For clips that do not say otherwise.")] = None


class Parallelism(ApiModel):
    """How many steps of one kind this story runs at once; a provider's limits hold besides."""

    image: Annotated[int, Field(ge=1, le=1000, description="Pictures at once.")] = 10
    audio: Annotated[int, Field(ge=1, le=1000, description="Narrations at once. 1: strictly in scene order.")] = 1
    video: Annotated[int, Field(ge=1, le=1000, description="Clips at once.")] = 2


class Batch(ApiModel):
    """Starts a very long story in portions."""

    size: Annotated[int, Field(ge=1, le=1000, description="How many scenes a batch has.")]
    interval_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=3600,
            description="Pause after the last submission of a batch before the next one begins.",
        ),
    ] = 10


class Retry(ApiModel):
    """What happens to a generation that failed. Waiting for a busy or absent provider is never counted."""

    model_config = ConfigDict(json_schema_extra=rules(OF_RETRY))

    limit: Annotated[int, Field(ge=0, le=10, description="How often a failed generation is tried again.")] = 3
    backoff_seconds: Annotated[int, Field(ge=1, le=3600, description="Pause before the first retry.")] = 5
    factor: Annotated[float, Field(ge=1, le=10, description="By how much each pause is longer than the last.")] = 2
    max_backoff_seconds: Annotated[int, Field(ge=1, le=86_400, description="The longest pause.")] = 300


class Film(ApiModel):
    """How the finished film looks."""

    resolution: Annotated[
        str,
        Field(
            max_length=9,
            pattern=RESOLUTION,
            description="Width x height in pixels, both even. Pictures are fitted into it, never stretched.",
            json_schema_extra=instead_of_pattern(OF_RESOLUTION),
        ),
    ] = "1280x720"
    fps: Annotated[int, Field(ge=1, le=60, description="Frames per second.")] = 30


class StoryJobSpec(ApiModel):
    """A story: a list of scenes, and how they are to be made."""

    model_config = ConfigDict(json_schema_extra=rules(OF_STORY))

    title: Annotated[str | None, Field(max_length=200, description="The film's title; else the object's name.")] = None
    suspend: Annotated[
        bool, Field(description="true: nothing new is bought. What runs is still collected and stored.")
    ] = False
    priority: Annotated[
        int, Field(ge=-1_000_000, le=1_000_000, description="Stories with a higher number are served first.")
    ] = 0
    parallelism: Annotated[Parallelism, Field(description="How many steps run at once.")] = Parallelism()
    batch: Annotated[Batch | None, Field(description="Starts a very long story in portions.")] = None
    active_deadline_seconds: Annotated[
        int | None,
        Field(
            ge=1,
            le=2_592_000,
            description="After this nothing more is bought and the story fails; running jobs are still collected. "
            "The clock stands still while suspended.",
        ),
    ] = None
    ttl_seconds_after_finished: Annotated[
        int | None,
        Field(
            ge=0,
            le=31_536_000,
            description="Deletes the StoryJob this long after it ended; media stay in the bucket. Leave it out where "
            "GitOps would apply the story again.",
        ),
    ] = None
    retry: Annotated[Retry, Field(description="What happens to a generation that failed.")] = Retry()
    unknown_outcome: Annotated[
        UnknownOutcome | None,
        Field(
            description="What to do about requests of which nobody knows whether they were bought; absent: what the "
            "MediaProvider says, else Wait."
        ),
    ] = None
    on_scene_failure: Annotated[
        Literal["Fail", "Skip", "Placeholder"],
        Field(description="A scene that failed for good: fail the story, leave it out, or show a title card."),
    ] = "Fail"
    cache: Annotated[
        Literal["Reuse", "Bypass"],
        Field(
            description="Reuse: bytes in the bucket that were made from the same inputs are taken. Bypass: buy anew."
        ),
    ] = "Reuse"
    defaults: Annotated[Defaults, Field(description="What all scenes have in common.")] = Defaults()
    scenes: Annotated[
        list[StoryScene],
        Field(
            min_length=1,
            max_length=1000,
            description="The scenes, in the order of the film.",
            json_schema_extra=list_map("name"),
        ),
    ]
    film: Annotated[Film, Field(description="How the finished film looks.")] = Film()


class SceneCounts(ApiModel):
    """How many scenes stand where."""

    total: Annotated[int, Field(ge=0, description="Scenes that the story has.")] = 0
    active: Annotated[int, Field(ge=0, description="Scenes of which something is under way.")] = 0
    succeeded: Annotated[int, Field(ge=0, description="Scenes that have all their media in the bucket.")] = 0
    failed: Annotated[int, Field(ge=0, description="Scenes that failed for good.")] = 0
    reused: Annotated[int, Field(ge=0, description="Scenes of which nothing had to be bought.")] = 0
    summary: Annotated[str, Field(max_length=20, description="succeeded/total, for the printer column.")] = ""


class StepCounts(ApiModel):
    """How many steps of one kind are done."""

    total: Annotated[int, Field(ge=0, description="Steps of this kind that the story has.")] = 0
    succeeded: Annotated[int, Field(ge=0, description="Those whose media are in the bucket.")] = 0


class StepTotals(ApiModel):
    """Steps by kind."""

    image: Annotated[StepCounts | None, Field(description="Pictures; absent if the story has none.")] = None
    audio: Annotated[StepCounts | None, Field(description="Narrations; absent if the story has none.")] = None
    video: Annotated[StepCounts | None, Field(description="Clips; absent if the story has none.")] = None


class Cost(ApiModel):
    """Money, as decimal strings."""

    currency: Annotated[Literal["USD"], Field(description="What all amounts are in.")] = "USD"
    estimated: Annotated[
        Amount | None,
        Field(description="What all steps cost if each is bought once; absent if unpriced."),
    ] = None
    spent: Annotated[Amount, Field(description="Sum over all attempts, deleted scenes included.")] = "0"
    possible_duplicate: Annotated[
        Amount,
        Field(
            description="The part of `spent` that may have been paid for nothing: attempts of unknown outcome that "
            "were bought again.",
        ),
    ] = "0"
    retired: Annotated[Amount, Field(description="The part of `spent` of scenes that are gone.")] = "0"
    retired_duplicate: Annotated[
        Amount, Field(description="The part of `possibleDuplicate` of scenes that are gone.")
    ] = "0"
    settling: Annotated[
        dict[str, Amount] | None,
        Field(max_length=1000, description="Scenes about to go, by uid, whose cost is in `retired` already."),
    ] = None


class OutputFile(ApiModel):
    """A finished file in the bucket."""

    uri: Annotated[str, Field(max_length=1024, description="s3:// address.")]
    sha256: Annotated[str, Field(max_length=64, description="SHA-256 of the bytes, hex.")]
    bytes: Annotated[int, Field(ge=0, description="Size.")]
    duration_seconds: Annotated[float | None, Field(ge=0, description="Measured length of the film.")] = None


class Outputs(ApiModel):
    """What the story ends with."""

    hash: Annotated[
        str | None, Field(max_length=64, description="Names what the film is made of: equal ingredients, equal name.")
    ] = None
    film: Annotated[OutputFile | None, Field(description="The finished film.")] = None
    manifest: Annotated[OutputFile | None, Field(description="What each scene was made from, and by whom.")] = None
    captions: Annotated[OutputFile | None, Field(description="The narrations as WebVTT, for players.")] = None
    subtitles: Annotated[OutputFile | None, Field(description="The narrations as SubRip, for editors.")] = None
    poster: Annotated[OutputFile | None, Field(description="A still of the film.")] = None


class StoryJobStatus(ApiModel):
    """How far the story is."""

    observed_generation: Annotated[int, Field(description="The generation of the spec that this status is of.")] = -1
    phase: Annotated[StoryPhase | None, Field(description="The story in one word.")] = None
    progress: Annotated[int, Field(ge=0, le=100, description="Percent; 99 until the film is there.")] = 0
    message: Annotated[str | None, Field(max_length=1024, description="What it is doing or waits for.")] = None
    scenes: Annotated[SceneCounts, Field(description="How many scenes stand where.")] = SceneCounts()
    steps: Annotated[StepTotals, Field(description="Steps done, by kind.")] = StepTotals()
    cost: Annotated[Cost, Field(description="Money estimated and spent.")] = Cost()
    outputs: Annotated[Outputs | None, Field(description="Film, manifest, captions and poster.")] = None
    conditions: Annotated[
        list[Condition],
        Field(max_length=16, description="Ready, Complete, Failed, …", json_schema_extra=CONDITIONS),
    ] = []
    start_time: Annotated[Moment | None, Field(description="When work on this generation began.")] = None
    completion_time: Annotated[Moment | None, Field(description="When it ended.")] = None
    active_seconds: Annotated[
        Seconds, Field(description="Time used up before the last suspension, for `activeDeadlineSeconds`.")
    ] = 0
    retry: Annotated[str | None, Field(max_length=256, description="The retry annotation that was last acted on.")] = (
        None
    )
    film_failures: Annotated[int, Field(ge=0, description="Failed tries to make the film.")] = 0
    film_error: Annotated[
        str | None, Field(max_length=1024, description="Why the last try to make the film failed.")
    ] = None
    film_retry_at: Annotated[Moment | None, Field(description="No new try to make the film before this.")] = None


class StoryJob(ApiModel):
    """A story: scenes become pictures, narrations and clips, and those become a film."""

    model_config = ConfigDict(json_schema_extra=rules(DNS_LABEL))

    metadata: ObjectMeta
    spec: StoryJobSpec
    status: StoryJobStatus = StoryJobStatus()
