"""The three kinds as the API server lists them: names, short names and printer columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.resource import ApiModel
from storyjob.api.scene import Scene
from storyjob.api.storyjob import StoryJob

CATEGORY = "storyjob-all"
"""Not "storyjob": kubectl takes a word for a category first, so ``kubectl get storyjob fox`` would ask for three
kinds and fail, and ``kubectl delete storyjob --all`` would delete the MediaProviders too.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``kubectl get``; ``wide`` ones only with ``-o wide``."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What a CRD says of a kind besides its schema."""

    model: type[ApiModel]
    plural: str
    short: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return self.model.__name__


def _ready(name: str, part: str, description: str, *, wide: bool = False) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="Ready")].{part}', description, wide=wide)


_AGE = Column("Age", ".metadata.creationTimestamp", "When it was created.", type="date")

STORYJOB = Kind(
    model=StoryJob,
    plural="storyjobs",
    short="sj",
    columns=(
        Column("Phase", ".status.phase", "The story in one word."),
        Column("Progress", ".status.progress", "Percent; 99 until the film is there.", type="integer"),
        Column("Scenes", ".status.scenes.summary", "Scenes succeeded of all."),
        Column("Cost", ".status.cost.spent", "USD spent so far."),
        _AGE,
        Column("Film", ".status.outputs.film.uri", "Where the finished film is.", wide=True),
        Column("Message", ".status.message", "What it is doing or waits for.", wide=True),
    ),
)
SCENE = Kind(
    model=Scene,
    plural="scenes",
    short="scn",
    columns=(
        Column("Story", ".spec.storyRef.name", "The StoryJob that the scene belongs to."),
        Column("Index", ".spec.index", "The scene's place in the story, from 0.", type="integer"),
        Column("Phase", ".status.phase", "The scene in one word."),
        Column("Image", ".status.steps.image.phase", "Where the picture stands."),
        Column("Audio", ".status.steps.audio.phase", "Where the narration stands."),
        Column("Video", ".status.steps.video.phase", "Where the clip stands."),
        _AGE,
        Column("Scene", ".spec.name", "The scene's name in the story.", wide=True),
        _ready("Reason", "reason", "Why the scene is or is not ready.", wide=True),
        _ready("Message", "message", "Why, for a person.", wide=True),
    ),
)
MEDIAPROVIDER = Kind(
    model=MediaProvider,
    plural="mediaproviders",
    short="mp",
    columns=(
        Column("Type", ".spec.type", "The vendor whose wire protocol is spoken."),
        _ready("Ready", "status", "Whether stories can use it."),
        _ready("Reason", "reason", "Why it is or is not ready."),
        Column("InFlight", ".status.inFlight", "Generations under way.", type="integer"),
        Column("Waiting", ".status.waiting", "Steps that wait for room.", type="integer"),
        Column("Circuit", ".status.circuit", "Open or HalfOpen while it does not answer."),
        _AGE,
        Column("LastError", ".status.lastError", "Why the newest purchase without an answer had none.", wide=True),
        Column("Completion", ".spec.completion", "How the end of a job is told.", wide=True),
        Column(
            "Concurrent", ".spec.limits.concurrent", "How much may be under way at once.", type="integer", wide=True
        ),
        _ready("Message", "message", "Why, for a person.", wide=True),
    ),
)
KINDS = (STORYJOB, SCENE, MEDIAPROVIDER)
