"""A TCP proxy that can be cut: the network between the sequencer and its L1 node."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class TcpFaultInjector:
    """Forwards connections to a port of this machine. While it is cut, all connections are closed at once."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        close(self._listener)

    def cut(self) -> None:
        """Closes every connection, also those in the middle of an answer, and every new one."""
        with self._lock:
            self._is_cut = True
            for connection in self._connections:
                close(connection)
            self._connections.clear()

    def heal(self) -> None:
        """Lets new connections through."""
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        with self._lock:
            if self._is_cut:
                close(client)
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream_port))
            except OSError:
                close(client)
                return
            self._connections |= {client, server}
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was cut
            while data := source.recv(65536):
                target.sendall(data)
        with self._lock:
            self._connections -= {source, target}
        close(source)
        close(target)


def close(connection: socket.socket) -> None:
    """Wakes whoever waits on it, and closes it; fine if it is closed."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
