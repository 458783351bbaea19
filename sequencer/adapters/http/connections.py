"""Who may hold a connection: bounds in all and for each client, kept by closing those that wait for nothing.

A connection that is idle, or slow to say what it wants, gives way to a new one; one whose request is being worked on
never does. So connections alone shut nobody out: only requests do, and those have limits of their own.
"""

import logging
import resource
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Protocol

log = logging.getLogger(__name__)

DESCRIPTORS_RESERVED: Final = 256
"""File descriptors for the database, L1 and the prover worker."""


class Held(Protocol):
    """A connection."""

    @property
    def client(self) -> str:
        """Whose it is."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a request, all of which is there, is being worked on."""
        ...

    def give_way(self) -> None:
        """Closes it."""
        ...


class Connections:
    """Those that are open, the one that waited longest first."""

    def __init__(self, most: int, most_per_client: int, proxies: frozenset[str]) -> None:
        """`proxies`: clients that stand for many."""
        self._most = most
        self._most_per_client = most_per_client
        self._proxies = proxies
        self._all: OrderedDict[Held, None] = OrderedDict()
        self._by_client: dict[str, OrderedDict[Held, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: Held) -> bool:
        """Adds a new connection, in the place of another one if there are too many; False: there is no room."""
        client = connection.client
        own = self._by_client.get(client, OrderedDict())
        if len(own) >= self._most_per_client and client not in self._proxies:
            has_room = self._make_room(own)
        else:
            has_room = (
                len(self._all) < self._most or self._make_room(self._largest()) or self._make_room(self._all)
            )
        if has_room:
            self._all[connection] = None
            self._by_client.setdefault(client, OrderedDict())[connection] = None
        return has_room

    def rested(self, connection: Held) -> None:
        """It was answered, and waits from now on."""
        if connection in self._all:
            self._all.move_to_end(connection)
            self._by_client[connection.client].move_to_end(connection)

    def remove(self, connection: Held) -> None:
        """It is closed, or about to be."""
        if connection in self._all:
            del self._all[connection]
            own = self._by_client[connection.client]
            del own[connection]
            if not own:
                del self._by_client[connection.client]

    def _largest(self) -> Iterable[Held]:
        """The connections of the client that has the most."""
        return max(self._by_client.values(), key=len)

    def _make_room(self, connections: Iterable[Held]) -> bool:
        for connection in connections:
            if not connection.busy:
                self.remove(connection)
                connection.give_way()
                return True
        return False


def descriptors_for(connections: int) -> int:
    """How many of these connections the system lets us have; raises this process's own limit if that is needed."""
    needed = connections + DESCRIPTORS_RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning("%d file descriptors are too few for %d connections", soft, connections)
    return max(min(connections, soft - DESCRIPTORS_RESERVED), 1)
