"""A cut line is one on which packets vanish, in the directions that were named, and nothing of it stays behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.chaos.network import Network, a_network
from support.house import House

pytestmark = pytest.mark.namespaces

_ECHO = """
import socket, sys
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind((sys.argv[1], 5000))
print("listens", flush=True)
while True:
    word, who = ear.recvfrom(99)
    print(word.decode(), flush=True)
    ear.sendto(word, who)
"""
_ASK = """
import socket, sys
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mouth.settimeout(0.3)
mouth.sendto(sys.argv[2].encode(), (sys.argv[1], 5000))
try:
    print(mouth.recv(99).decode())
except TimeoutError:
    print("nothing")
"""


class Echo:
    """Answers in one house, and tells what it heard."""

    def __init__(self, house: House) -> None:
        command = [*house.entrance, sys.executable, "-c", _ECHO, house.address]
        self.address, self.child = house.address, subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "listens\n"

    def asked_from(self, house: House, word: str) -> str:
        command = [*house.entrance, sys.executable, "-c", _ASK, self.address, word]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def heard(self) -> list[str]:
        self.child.kill()
        return self.child.communicate()[0].split()


@pytest.fixture
def network() -> Iterator[Network]:
    with a_network("a", "b", "c") as made:
        yield made


def test_packets_vanish_in_the_direction_that_was_cut(network: Network) -> None:
    echo = Echo(network.house("b"))
    asker, other = network.house("a"), network.house("c")
    assert echo.asked_from(asker, "whole") == "whole"
    network.cut("a", "b")
    assert echo.asked_from(asker, "mute") == "nothing"
    assert echo.asked_from(other, "another") == "another"
    network.heal()
    network.cut("b", "a")
    assert echo.asked_from(asker, "deaf") == "nothing"
    network.heal()
    assert echo.asked_from(asker, "healed") == "healed"
    # This machine itself is never cut off: it is the judge.
    assert echo.asked_from(House(), "judge") == "judge"
    assert echo.heard() == ["whole", "another", "deaf", "healed", "judge"]


def test_nothing_of_a_network_stays_when_its_maker_is_interrupted() -> None:
    marks, echoes = [], []

    def interrupted() -> None:
        with a_network("a") as network:
            marks.append(network.mark)
            echoes.append(Echo(network.house("a")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert echoes[0].heard() == []
    for what in (("netns", "list"), ("link", "show"), ("route", "show")):
        assert marks[0] not in subprocess.run(("ip", *what), capture_output=True, text=True, check=True).stdout
