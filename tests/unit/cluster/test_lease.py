"""One holder at a time, whatever pauses, partitions and clocks do; all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from storyjob.ambient import AMBIENT, MACHINE, Ambient
from storyjob.cluster.errors import Unavailable
from storyjob.cluster.lease import Lease, Terms
from storyjob.cluster.resources import LEASES
from support import virtual_time
from support.fake_cluster import FakeCluster

WHERE = ("storyjob-system", "storyjob-operator")


@pytest.fixture(autouse=True)
def _virtual() -> Iterator[None]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    token = AMBIENT.set(Ambient(lambda: moment, virtual_time.clock, MACHINE.random_hex))
    yield
    AMBIENT.reset(token)


def a_lease(cluster: FakeCluster, instance: str) -> Lease:
    return Lease(cluster, Terms(*WHERE, instance, seconds=15))


def holder(cluster: FakeCluster) -> str:
    return str(cluster.objects[LEASES.plural][WHERE]["spec"]["holderIdentity"])


def test_the_first_who_asks_leads_and_the_second_waits() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        first, second = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.take())
        await asyncio.sleep(300)
        assert first.valid
        assert not second.valid
        assert not waiting.done()
        assert holder(cluster) == first.identity
        keeping.cancel()
        waiting.cancel()

    virtual_time.run(story())


def test_a_leader_that_died_is_followed_within_twenty_seconds_and_never_beside_it() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        first, second = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.take())
        await asyncio.sleep(100)
        keeping.cancel()
        died = virtual_time.clock()
        while not waiting.done():
            assert not (first.valid and second.valid)
            await asyncio.sleep(0.1)
        assert not first.valid
        assert second.valid
        assert virtual_time.clock() - died < 20
        spec = cluster.objects[LEASES.plural][WHERE]["spec"]
        assert spec["leaseTransitions"] == 1

    virtual_time.run(story())


def test_a_leader_cut_off_stops_trusting_its_lease_before_anybody_can_take_it() -> None:
    async def story() -> None:
        cluster, cut_off = FakeCluster(), FakeCluster()
        cut_off.objects = cluster.objects
        first, second = a_lease(cut_off, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.take())
        await asyncio.sleep(50)
        cut_off.fails["json_patch"] = Unavailable("no route")
        while first.valid:  # noqa: ASYNC110 (it ends by itself; nobody could tell)
            await asyncio.sleep(0.1)
        last_trusted = virtual_time.clock()
        await waiting
        assert virtual_time.clock() - last_trusted > 3
        # Back again, it meets the other's name and gives up.
        cut_off.fails.clear()
        cut_off._version = cluster._version = max(cut_off._version, cluster._version)
        await keeping
        assert not first.valid
        assert holder(cluster) == second.identity

    virtual_time.run(story())


def test_a_leader_that_cannot_renew_for_a_while_goes_on_when_nobody_took_its_place() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        only = a_lease(cluster, "pod-a")
        await only.take()
        keeping = asyncio.create_task(only.keep())
        cluster.fails |= dict.fromkeys(("get", "json_patch"), Unavailable("the API server restarts"))
        await asyncio.sleep(60)
        assert not only.valid
        cluster.fails.clear()
        await asyncio.sleep(4)
        assert only.valid
        assert not keeping.done()
        keeping.cancel()

    virtual_time.run(story())


def test_a_leader_that_is_heard_but_hears_nothing_lets_another_lead() -> None:
    class Deaf(FakeCluster):
        """What is asked arrives; what is answered does not."""

        async def get(self, *_: Any) -> Any:
            await asyncio.sleep(3600)

        async def json_patch(self, *arguments: Any, **more: Any) -> Any:
            await super().json_patch(*arguments, **more)
            await asyncio.sleep(3600)

    async def story() -> None:
        cluster, deaf = FakeCluster(), Deaf()
        deaf.objects = cluster.objects
        first, second = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.take())
        await asyncio.sleep(50)
        deaf._version = cluster._version
        first._cluster = deaf
        while not waiting.done():
            assert not (first.valid and second.valid)
            await asyncio.sleep(0.1)
            # Both write to one server.
            deaf._version = cluster._version = max(deaf._version, cluster._version)
        assert virtual_time.clock() < 100
        assert holder(cluster) == second.identity
        keeping.cancel()

    virtual_time.run(story())


def test_a_lease_given_back_is_taken_at_the_next_look() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        first, second = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        waiting = asyncio.create_task(second.take())
        await asyncio.sleep(1)
        given_back = virtual_time.clock()
        await first.release()
        assert not first.valid
        await waiting
        assert virtual_time.clock() - given_back <= 2

    virtual_time.run(story())


def test_a_process_restarted_in_its_pod_need_not_wait_for_its_dead_predecessor() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        before, after = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-a")
        await before.take()
        await after.take()
        assert virtual_time.clock() == 0
        assert holder(cluster) == after.identity
        # Were it alive after all, it notices at its next renewal.
        await before.keep()
        assert not before.valid

    virtual_time.run(story())


def test_a_lease_that_somebody_deleted_is_made_again() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        only = a_lease(cluster, "pod-a")
        await only.take()
        keeping = asyncio.create_task(only.keep())
        del cluster.objects[LEASES.plural][WHERE]
        await asyncio.sleep(20)
        assert only.valid
        assert holder(cluster) == only.identity
        keeping.cancel()

    virtual_time.run(story())


def test_a_lease_that_somebody_gave_to_a_stranger_for_ever_is_waited_for_two_minutes() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        only = a_lease(cluster, "pod-a")
        await only.take()
        cluster.objects[LEASES.plural][WHERE]["spec"] |= {"holderIdentity": "x_1", "leaseDurationSeconds": 10**9}
        await only.keep()
        again = virtual_time.clock()
        await only.take()
        assert 100 < virtual_time.clock() - again < 130

    virtual_time.run(story())


def test_a_lease_that_is_older_than_it_was_tells_that_the_cluster_was_set_back() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        first, second = a_lease(cluster, "pod-a"), a_lease(cluster, "pod-b")
        await first.take()
        snapshot = dict(cluster.objects[LEASES.plural][WHERE])
        keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.take())
        await asyncio.sleep(60)
        assert not (first.set_back.is_set())
        assert not (second.set_back.is_set())
        cluster.objects[LEASES.plural][WHERE] = snapshot
        cluster._version = int(snapshot["metadata"]["resourceVersion"])
        await asyncio.sleep(4)
        assert first.set_back.is_set()
        assert second.set_back.is_set()
        keeping.cancel()
        waiting.cancel()

    virtual_time.run(story())


def test_of_two_who_ask_at_once_one_leads() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        leases = [a_lease(cluster, f"pod-{letter}") for letter in "abc"]
        waiting = [asyncio.create_task(lease.take()) for lease in leases]
        await asyncio.sleep(1)
        assert [lease.valid for lease in leases].count(True) == 1
        for task in waiting:
            task.cancel()

    virtual_time.run(story())


def test_a_lease_that_nobody_answers_about_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Mute(FakeCluster):
        async def get(self, *_: Any) -> Any:
            await asyncio.sleep(3600)

    async def story() -> None:
        asking = asyncio.create_task(a_lease(Mute(), "pod-a").take())
        await asyncio.sleep(30)
        asking.cancel()

    virtual_time.run(story())
    assert caplog.messages[0] == "the lease cannot be read: no answer in time"
