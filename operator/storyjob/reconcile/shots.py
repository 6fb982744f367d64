"""Turns scenes into the shots of a film, in story order."""

from __future__ import annotations

from dataclasses import asdict

from storyjob.api.scene import StepOutput
from storyjob.api.step import StepKind
from storyjob.api.storyjob import Film, StoryJob
from storyjob.media.layout import parse_uri
from storyjob.media.shot import Look, Shot, StoredMedia, content_hash, segment_hash
from storyjob.planning.plan import SceneView, StoryPlan


def look_of(film: Film) -> Look:
    """Return how the film shall look."""
    width, height = (int(side) for side in film.resolution.split("x"))
    return Look(width, height, film.fps)


def shots_so_far(story: StoryJob, plan: StoryPlan, *, settled: bool) -> list[Shot]:
    """Return the shots of all complete scenes; once all is settled, title cards in place of failed ones too."""
    cards = settled and story.spec.on_scene_failure == "Placeholder"
    shots = []
    for view in plan.views:
        if view.complete:
            shots.append(_shot(view))
        elif cards and view.given_up:
            shots.append(Shot(view.spec.name, view.spec.index, seconds=view.spec.seconds, placeholder=True))
    return shots


def film_name(story: StoryJob, shots: list[Shot], look: Look) -> str:
    """Return the name of what the film is made of: equal as long as nothing in the film would change."""
    return content_hash(
        {
            "title": title_of(story),
            "look": asdict(look),
            "shots": [[segment_hash(shot, look), shot.name, shot.text] for shot in shots],
        }
    )


def title_of(story: StoryJob) -> str:
    """Return the film's title."""
    return story.spec.title or story.metadata.name


def stored(output: StepOutput | None) -> StoredMedia | None:
    """Return a file of a status as the film maker takes it."""
    if output is None:
        return None
    place = parse_uri(output.uri)
    return StoredMedia(place.key, output.sha256, output.content_type, output.seconds, bucket=place.bucket)


def _shot(view: SceneView) -> Shot:
    def output(kind: StepKind) -> StoredMedia | None:
        return stored(view.desires[kind].step.output) if kind in view.desires else None

    return Shot(
        name=view.spec.name,
        index=view.spec.index,
        text=view.spec.audio.text if view.spec.audio else None,
        image=output(StepKind.IMAGE),
        audio=output(StepKind.AUDIO),
        video=output(StepKind.VIDEO),
        source=stored(view.scene.status.source) if view.scene and view.spec.source else None,
        seconds=view.spec.seconds,
    )
