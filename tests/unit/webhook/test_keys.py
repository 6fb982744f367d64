"""How often the Secret with the signing keys is read: soon for what is new, and never often."""

from __future__ import annotations

import asyncio

from storyjob.cluster.resources import SECRETS
from storyjob_webhook.keys import MISS_SECONDS, MISSES, REREAD_SECONDS, SigningKeys
from support.callbacks import keys_secret
from support.fake_cluster import FakeCluster
from support.virtual_time import clock, run

SYSTEM = "storyjob-system"


def publish(cluster: FakeCluster, *uids: str) -> None:
    cluster.put(SECRETS, keys_secret(SYSTEM, {uid: ["whsec_AAAA"] for uid in uids}))


def test_a_new_providers_first_callback_finds_its_key_at_once() -> None:
    cluster = FakeCluster()

    async def main() -> None:
        keys = SigningKeys(cluster, SYSTEM, clock)
        publish(cluster, "old")
        assert await keys.of("old")
        publish(cluster, "old", "new")
        assert await keys.of("new") == ("whsec_AAAA",)
        assert clock() <= MISS_SECONDS
        assert cluster.reads == 2

    run(main())


def test_a_thousand_callbacks_without_a_key_share_a_few_reads() -> None:
    cluster = FakeCluster()

    async def main() -> None:
        keys = SigningKeys(cluster, SYSTEM, clock)
        for _ in range(10):
            found = await asyncio.gather(*(keys.of("new") for _ in range(100)))
            assert set(found) == {()}
        assert cluster.reads <= clock() / MISS_SECONDS + 1

    run(main())


def test_a_key_that_stays_missing_is_asked_for_seldom() -> None:
    cluster = FakeCluster()

    async def main() -> None:
        keys = SigningKeys(cluster, SYSTEM, clock)
        for _ in range(6000):
            await keys.of("new")
            await asyncio.sleep(0.1)
        assert cluster.reads <= MISSES + clock() / REREAD_SECONDS + 1

    run(main())
    assert cluster.reads > MISSES


def test_who_has_a_key_never_waits_for_those_who_have_none() -> None:
    cluster = FakeCluster()

    async def main() -> None:
        keys = SigningKeys(cluster, SYSTEM, clock)
        publish(cluster, "old")
        await keys.of("old")
        missing = asyncio.create_task(keys.of("new"))
        await asyncio.sleep(0)
        assert await keys.of("old")
        assert clock() == 0.0
        assert await missing == ()

    run(main())
