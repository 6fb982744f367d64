"""Speaks with libespeak-ng, loaded from the wheel ``espeakng-loader``."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import threading
from dataclasses import dataclass, field

from storyjob.api.errors import MediaError
from storyjob.api.outcome import Alignment

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARACTERS_ARE_UTF8 = 1
_EVENT_LIST_ENDS = 0
_EVENT_WORD = 1
_PARAMETER_RATE = 1
_POSITION_CHARACTER = 1

_VOICES = ("f2", "m3", "f3", "m7", "f4", "m1", "f1", "m5")
_WORDS_PER_MINUTE = 150


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # of characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Utterance:
    """Spoken words."""

    samples: bytes = field(repr=False)  # 16 bit signed, mono, native order
    rate: int
    alignment: Alignment

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return len(self.samples) / 2 / self.rate


def speak(text: str, voice: str = "", language: str | None = None) -> Utterance:
    """Speak a text, with a sound of its own for each voice name. Blocks. Raises ``MediaError``."""
    return _engine().speak(text, voice, language)


def align(text: str, words: list[tuple[int, float]], seconds: float) -> Alignment:
    """Spread a text's characters over the time between the starts of its words.

    ``words`` are (index of the first character, second), as measured.
    """
    anchors = [(0, 0.0)]
    for index, start in words:
        if anchors[-1][0] < index < len(text) and anchors[-1][1] <= start <= seconds:
            anchors.append((index, start))
    anchors.append((len(text), seconds))
    starts: list[float] = []
    for (index, start), (next_index, next_start) in itertools.pairwise(anchors):
        step = (next_start - start) / max(next_index - index, 1)
        starts += [round(start + step * n, 3) for n in range(next_index - index)]
    return Alignment(tuple(text), tuple(starts), (*starts[1:], round(seconds, 3)))


class _Engine:
    """The library. It keeps its state in globals, so one text at a time."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise MediaError("no speech: install the extra storyjob-operator[speech]") from error
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate: int = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
        if self._rate <= 0:
            raise MediaError(f"espeak-ng cannot start with its data in {data.decode()}")
        self._lock = threading.Lock()

    def speak(self, text: str, voice: str, language: str | None) -> Utterance:
        samples = bytearray()
        words: list[tuple[int, float]] = []

        def collect(wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
            if wave and count > 0:
                samples.extend(ctypes.string_at(wave, count * 2))
            number = 0
            while events[number].type != _EVENT_LIST_ENDS:
                event = events[number]
                if event.type == _EVENT_WORD:
                    words.append((event.text_position - 1, event.audio_position / 1000))
                number += 1
            return 0

        encoded = text.encode()
        with self._lock:
            self._choose_voice(voice, language)
            callback = _CALLBACK(collect)
            self._library.espeak_SetSynthCallback(callback)
            failed: int = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _CHARACTERS_ARE_UTF8, None, None
            )
        if failed or not samples:
            raise MediaError(f"espeak-ng cannot speak {text[:60]!r} (error {failed})")
        alignment = align(text, words, len(samples) / 2 / self._rate)
        return Utterance(bytes(samples), self._rate, alignment)

    def _choose_voice(self, voice: str, language: str | None) -> None:
        variant = _VOICES[hashlib.sha256(voice.encode()).digest()[0] % len(_VOICES)]
        for name in (f"{language or 'en-us'}+{variant}", f"en-us+{variant}"):
            if self._library.espeak_SetVoiceByName(name.encode()) == 0:
                break
        self._library.espeak_SetParameter(_PARAMETER_RATE, _WORDS_PER_MINUTE, 0)


@functools.cache
def _engine() -> _Engine:
    return _Engine()
