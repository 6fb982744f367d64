"""How the long-running commands log: lines for people, or JSON for collectors."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from storyjob.subject import subject

TALKATIVE = ("kopf.objects", "kopf.activities", "httpx", "botocore", "urllib3")  # a line for every event or request
SECRET = re.compile(r"(?i)((?:\btoken|\bkey|X-Amz-(?:Signature|Credential|Security-Token))=|\bBearer )[^\s&\"']+")
"""What never belongs into a line, should an error's text ever hold a URL or a header."""
KOPF_NAMES = ("kind", "namespace", "name", "uid")


class _Clean(logging.Formatter):
    """Cuts secrets out of what is about to be written."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return clean(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return clean(super().formatException(ei))


class JsonFormatter(_Clean):
    """One JSON object a line: what happened, and to which object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        line |= _of_kopf(record) or subject()
        if (action := getattr(record, "action", None)) is not None:
            line["action"] = action
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def clean(text: str) -> str:
    """Return a text without the secrets that can be told by their names."""
    return SECRET.sub(r"\1…", text)


def configure(log_format: str) -> None:
    """Log to stderr, also what is raised or warned of outside of any log; ``log_format`` is text or json."""
    handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(_Clean("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _of_kopf(record: logging.LogRecord) -> dict[str, str]:
    """Return the object that a line of kopf's is about, which kopf names in its own way."""
    reference = getattr(record, "k8s_ref", None) or {}
    return {key: reference[key] for key in KOPF_NAMES if reference.get(key)}


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("storyjob").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))
