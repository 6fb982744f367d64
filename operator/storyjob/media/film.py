"""Makes the finished film out of segments: joined, checked, with captions, poster and manifest."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from storyjob.api.errors import FilmError
from storyjob.api.storyjob import OutputFile, Outputs
from storyjob.killpoint import Act, crossing
from storyjob.media.captions import Narration, cues
from storyjob.media.ffmpeg import INPUT, run_ffmpeg
from storyjob.media.inputs import MAX_BYTES, file_sha256
from storyjob.media.join import check_film, join
from storyjob.media.layout import FilmFile, Layout
from storyjob.media.manifest import (
    Facts,
    Manifest,
    ManifestFile,
    manifest_bytes,
    public_facts,
    read_manifest,
    told_scenes,
)
from storyjob.media.roughcut import Piece, RoughCut
from storyjob.media.segment import NICENESS, make_segment
from storyjob.media.shot import RENDERER_VERSION, Cut, Look, Segment, Shot, film_hash
from storyjob.media.store import Store
from storyjob.media.subtitles import srt, vtt
from storyjob.together import together

Scenes = Sequence[tuple[str, Segment]]
"""Names of scenes, and the segment of each."""
_POSTER_SECONDS = 60.0
_CONTENT_TYPES = {
    FilmFile.FILM: "video/mp4",
    FilmFile.POSTER: "image/jpeg",
    FilmFile.CAPTIONS_SRT: "application/x-subrip",
    FilmFile.CAPTIONS_VTT: "text/vtt",
    FilmFile.MANIFEST: "application/json",
}


@dataclass(frozen=True, slots=True)
class FilmMaker:
    """Makes segments while a story still runs, and the film from them at its end.

    At most ``parallel`` of them are made at a time. ``workdir`` needs room for three times the films in the making.
    """

    store: Store
    workdir: Path
    parallel: asyncio.Semaphore
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def segment(self, namespace: str, shot: Shot, look: Look) -> Segment:
        """Return the segment of one scene, rendered now if it never was. Raises ``FilmError``, ``StorageError``."""
        async with self.parallel:
            return await make_segment(self.store, self._layout(namespace), shot, look, self.workdir)

    async def rough_cut(self, scenes: Scenes, begun: RoughCut | None = None) -> RoughCut:
        """Return the beginning of a film out of its first scenes: ``begun`` with more at its end, or a new one.

        Raises ``FilmError``, ``StorageError``.
        """
        async with self.parallel:
            rough = begun or RoughCut(self.workdir)
            with tempfile.TemporaryDirectory(prefix="pieces-", dir=self.workdir) as name:
                await self._extend(rough, scenes, Path(name))
        return rough

    async def film(self, namespace: str, cut: Cut, facts: Facts, begun: RoughCut | None = None) -> Outputs:
        """Return the finished film, joined now if it never was. Raises ``FilmError``, ``StorageError``.

        Nothing counts until the manifest is there: it is written last, and found again by the cut's hash. ``begun`` is
        used up.
        """
        layout, digest = self._layout(namespace), film_hash(cut)
        if (found := await find_film(self.store, layout, digest)) is not None:
            return found
        async with self.parallel:
            with tempfile.TemporaryDirectory(prefix="film-", dir=self.workdir) as name:
                files = await self._make(layout, digest, cut, begun, Path(name))
        manifest, key = self._manifest(digest, cut, facts, files), layout.film(digest, FilmFile.MANIFEST)
        with crossing(Act.MANIFEST):
            await self.store.put(key, manifest_bytes(manifest), content_type=_CONTENT_TYPES[FilmFile.MANIFEST])
        return _outputs(manifest, self.store.uri(key))

    def _layout(self, namespace: str) -> Layout:
        return Layout(self.store.config.prefix, namespace)

    async def _make(
        self, layout: Layout, digest: str, cut: Cut, begun: RoughCut | None, directory: Path
    ) -> Mapping[FilmFile, ManifestFile]:
        await asyncio.to_thread(_write_captions, cut, directory)
        usable = begun is not None and begun.begins([segment.hash for segment in cut.segments])
        rough = begun if begun is not None and usable else RoughCut(directory)
        scenes = [(shot.name, segment) for shot, segment in zip(cut.shots, cut.segments, strict=True)]
        await self._extend(rough, scenes[len(rough.scenes) :], directory, last=True)
        film, has_captions = directory / FilmFile.FILM, cut.look.soft_subtitles and bool(_narrations(cut))
        await join(rough.path, directory / FilmFile.CAPTIONS_VTT if has_captions else None, cut, film)
        await asyncio.to_thread(_move, rough.poster, directory / FilmFile.POSTER)
        # Checked before it is uploaded: an upload cannot be called back, and the next try has the same name.
        seconds = await asyncio.to_thread(check_film, film, cut.seconds, cut.look, with_captions=has_captions)
        lengths = {
            file: seconds if file is FilmFile.FILM else None for file in FilmFile if file is not FilmFile.MANIFEST
        }
        uploads = [
            self._upload(layout.film(digest, file), directory / file, file, length) for file, length in lengths.items()
        ]
        with crossing(Act.FILM):
            kept = await together(*uploads)
        return dict(zip(lengths, kept, strict=True))

    async def _extend(self, rough: RoughCut, scenes: Scenes, directory: Path, *, last: bool = False) -> None:
        """Add the scenes that come next; the film's first one gives the poster."""
        once = {segment.hash: (name, segment) for name, segment in scenes}
        await together(*(self._bring(name, segment, directory) for name, segment in once.values()))
        pieces = [Piece(segment.hash, _segment_path(segment, directory)) for _, segment in scenes]
        first = [] if rough.scenes else scenes[:1]
        await together(
            asyncio.to_thread(rough.finish if last else rough.add, pieces),
            *(_write_poster(_segment_path(segment, directory), segment.seconds, rough.poster) for _, segment in first),
        )

    async def _bring(self, scene: str, segment: Segment, directory: Path) -> None:
        if not await self.store.download(segment.key, _segment_path(segment, directory), max_bytes=MAX_BYTES):
            uri = self.store.uri(segment.key)
            raise FilmError(f'the segment of scene "{scene}" is gone: {uri}; it must be rendered again')

    async def _upload(self, key: str, path: Path, file: FilmFile, seconds: float | None) -> ManifestFile:
        sha256 = await asyncio.to_thread(file_sha256, path)
        content_type, size = _CONTENT_TYPES[file], await asyncio.to_thread(os.path.getsize, path)
        confirmed = await self.store.upload(key, path, content_type=content_type, sha256=sha256)
        if not confirmed and ((head := await self.store.head(key)) is None or head.bytes != size):
            raise FilmError(f"{self.store.uri(key)} is not there in full right after it was written")
        uri = self.store.uri(key)
        return ManifestFile(uri=uri, sha256=sha256, bytes=size, content_type=content_type, duration_seconds=seconds)

    def _manifest(self, digest: str, cut: Cut, facts: Facts, files: Mapping[FilmFile, ManifestFile]) -> Manifest:
        return Manifest(
            title=cut.title,
            film_hash=digest,
            renderer_version=RENDERER_VERSION,
            created_at=self.clock(),
            film=files[FilmFile.FILM],
            poster=files[FilmFile.POSTER],
            captions_srt=files[FilmFile.CAPTIONS_SRT],
            captions_vtt=files[FilmFile.CAPTIONS_VTT],
            look=asdict(cut.look),
            scenes=told_scenes(self.store, cut, facts),
            facts=public_facts(facts.story),
        )


async def find_film(store: Store, layout: Layout, digest: str) -> Outputs | None:
    """Return the finished film of this hash, ``None`` while there is none. Raises ``StorageError``."""
    key = layout.film(digest, FilmFile.MANIFEST)
    manifest = await read_manifest(store, key)
    return None if manifest is None else _outputs(manifest, store.uri(key))


def _segment_path(segment: Segment, directory: Path) -> Path:
    return directory / f"{segment.hash}.mp4"


def _narrations(cut: Cut) -> list[Narration]:
    return [
        Narration(shot.text, start, shot.audio.seconds or 0.0, shot.audio.alignment)
        for shot, start in zip(cut.shots, cut.starts, strict=True)
        if shot.audio is not None and shot.text
    ]


def _write_captions(cut: Cut, directory: Path) -> None:
    shown = cues(_narrations(cut))
    with _on_disk():
        (directory / FilmFile.CAPTIONS_SRT).write_text(srt(shown), encoding="utf-8")
        (directory / FilmFile.CAPTIONS_VTT).write_text(vtt(shown), encoding="utf-8")


def _move(path: Path, to: Path) -> None:
    with _on_disk():
        path.rename(to)


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FilmError(f"the film's files cannot be written: {error}") from error


async def _write_poster(segment: Path, seconds: float, poster: Path) -> None:
    # From the middle: generated clips often begin in black. A single frame is over before its middle.
    for begin in (seconds / 2, 0.0):
        source = (*INPUT, "-ss", f"{begin:.3f}", "-f", "mov", "-i", str(segment))
        jpeg = ("-frames:v", "1", "-vf", "scale=out_range=pc,format=yuvj420p", "-c:v", "mjpeg", "-q:v", "3")
        output = ("-update", "1", "-bitexact", "-f", "image2", poster.name)
        await run_ffmpeg(
            ["-threads", "1", *source, "-an", *jpeg, *output],
            what="the poster",
            directory=poster.parent,
            seconds=_POSTER_SECONDS,
            niceness=NICENESS,
        )
        if await asyncio.to_thread(poster.exists):
            return
    raise FilmError("the film's first scene has no picture for a poster")


def _outputs(manifest: Manifest, uri: str) -> Outputs:
    data = manifest_bytes(manifest)
    told = ManifestFile(uri=uri, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    return Outputs(
        film=_output(manifest.film),
        manifest=_output(told),
        captions=_output(manifest.captions_vtt),
        subtitles=_output(manifest.captions_srt),
        poster=_output(manifest.poster),
    )


def _output(file: ManifestFile) -> OutputFile:
    seconds = file.duration_seconds
    return OutputFile(uri=file.uri, sha256=file.sha256, bytes=file.bytes or 0, duration_seconds=seconds)
