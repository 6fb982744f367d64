"""The public port's one request: a provider says that a job of ours has ended.

Who does not hold the attempt's random token is turned away before anything is read, verified or written.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from storyjob.ambient import now
from storyjob.api.errors import SignatureError
from storyjob.api.outcome import Callback
from storyjob.api.step import StepKind
from storyjob.providers.signatures import judge
from storyjob.providers.webhook_scheme import Scheme
from storyjob.subject import about
from storyjob_webhook.accounts import Account, AccountIndex
from storyjob_webhook.bodies import Bodies
from storyjob_webhook.keys import SigningKeys
from storyjob_webhook.metrics import Metrics
from storyjob_webhook.recorder import Recorder, Result
from storyjob_webhook.refusal import Refusal, try_later
from storyjob_webhook.scarce_log import ScarceLog
from storyjob_webhook.scenes import SceneEntry, SceneIndex, TooManyWaiting

_ID = re.compile(r"(?P<uid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<step>image|audio|video)")
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a callback's URL names. The token itself is not kept, only its SHA-256."""

    uid: str
    step: StepKind
    token_hash: str = field(repr=False)

    @property
    def name(self) -> tuple[str, StepKind]:
        """Which step it is, whoever asks."""
        return self.uid, self.step

    def matches(self, scene: SceneEntry) -> bool:
        """Say in constant time whether the token is that of the scene's newest attempt."""
        attempt = scene.attempts.get(self.step)
        return attempt is not None and hmac.compare_digest(attempt.token_hash.encode(), self.token_hash.encode())


@dataclass(slots=True)
class Tally:
    """What the metrics will say of one callback."""

    provider: str = ""
    result: str = "error"


class Callbacks:
    """Judges callbacks and has the genuine ones recorded."""

    def __init__(
        self,
        scenes: SceneIndex,
        accounts: AccountIndex,
        keys: SigningKeys,
        recorder: Recorder,
        metrics: Metrics,
        *,
        synced: Callable[[], bool],
    ) -> None:
        self._scenes = scenes
        self._accounts = accounts
        self._keys = keys
        self._recorder = recorder
        self._metrics = metrics
        self._synced = synced
        self._bodies = Bodies()
        self._log = ScarceLog(__name__)

    async def post(self, request: web.Request) -> web.Response:
        """Answer ``POST /api/webhooks/job/{id}?token=…``; at once, except that the watch may lag a second."""
        tally = Tally()
        try:
            result = await self._judge(request, tally)
        except Refusal as refusal:
            tally.result = refusal.code
            raise
        finally:
            self._metrics.callback(tally.provider, tally.result)
        return web.json_response({"status": result})

    async def _judge(self, request: web.Request, tally: Tally) -> Result:
        target = parse_target(request)
        scene = await self._scene(target)
        key = scene.key
        with about(kind="Scene", namespace=key.namespace, name=key.name, uid=target.uid, step=target.step.value):
            return await self._believe(request, tally, target, scene)

    async def _believe(self, request: web.Request, tally: Tally, target: Target, scene: SceneEntry) -> Result:
        account = self._accounts.get(scene.key.namespace, scene.attempts[target.step].provider)
        if account is None:
            raise try_later("ProviderUnknown", "the provider is not known yet; send it again")
        tally.provider = account.type
        scheme, keys = await self._known(account)
        async with self._bodies.read(request, scene.key.namespace, target.name) as body:
            callback = await self._verify(account.uid, scheme, keys, request, body)
        # Reading the body may have taken seconds; a callback that came twice meanwhile is not written twice.
        scene = self._scenes.get(target.uid) or scene
        if not target.matches(scene):
            raise Refusal(410, "Superseded", "the attempt is over")
        result = await self._recorder.record(scene, target.step, callback)
        if result is Result.SUPERSEDED:
            raise Refusal(410, "Superseded", "the attempt is over")
        tally.result = result
        return result

    async def _scene(self, target: Target) -> SceneEntry:
        if not self._synced():
            raise try_later("NotReady", "starting; send it again")
        try:
            scene = await self._scenes.find(target.uid, target.matches)
        except TooManyWaiting as error:
            raise try_later("Busy", "too many callbacks for unknown jobs") from error
        if scene is None:
            raise Refusal(404, "JobUnknown", "no such job")
        if not target.matches(scene):
            raise Refusal(403, "TokenWrong", "the token is not that of a current attempt")
        return scene

    async def _known(self, account: Account) -> tuple[Scheme, tuple[str, ...]]:
        """Return how the provider signs and with what. Raises a 401 or 503 ``Refusal``."""
        scheme = account.scheme
        if scheme is None:
            raise Refusal(401, "NotExpected", "this provider sends no webhooks, so none is believed")
        keys = await self._keys.of(account.uid) if scheme.check is not None else ()
        if scheme.check is not None and not keys:
            self._log.warning(
                account.uid,
                "no signing secret is known for the MediaProvider with uid %s; its callbacks are answered 503",
                account.uid,
            )
            raise try_later("KeysUnknown", "the signing secret is not known yet; send it again")
        return scheme, keys

    async def _verify(
        self, provider: str, scheme: Scheme, keys: tuple[str, ...], request: web.Request, body: bytes
    ) -> Callback:
        try:
            return judge(scheme, request.headers, body, keys, now().timestamp())
        except SignatureError as error:
            newer = await self._keys.newer_of(provider, keys) if keys else ()
            if not newer:
                raise Refusal(401, "SignatureWrong", str(error)) from error
        try:
            return judge(scheme, request.headers, body, newer, now().timestamp())
        except SignatureError as error:
            raise Refusal(401, "SignatureWrong", str(error)) from error


def parse_target(request: web.Request) -> Target:
    """Return what the URL names. Raises a 404 or 403 ``Refusal``."""
    match = _ID.fullmatch(request.match_info["id"])
    if match is None:
        raise Refusal(404, "JobUnknown", "no such job")
    tokens = request.query.getall("token", [])
    if len(tokens) != 1 or not _TOKEN.fullmatch(tokens[0]):
        raise Refusal(403, "TokenWrong", "the token is missing or malformed")
    return Target(match["uid"], StepKind(match["step"]), hashlib.sha256(tokens[0].encode()).hexdigest())
