"""A proxy between a client and the platform that breaks connections when it is told to."""

import socket
import threading
from urllib.parse import urlsplit


class Proxy:
    """Listens until it is closed."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        """How many connections clients have made."""
        self._open: list[socket.socket] = []
        self._cuts_next_answer = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Breaks all connections."""
        for end in self._open:
            _break(end)
        self._open.clear()

    def cut_next_answer(self) -> None:
        """Breaks the connection on which the next answer comes, and keeps the answer."""
        self._cuts_next_answer.set()

    def close(self) -> None:
        _break(self._listener)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            upstream = socket.create_connection(self._target)
            self._open += [client, upstream]
            threading.Thread(target=self._pass, args=(client, upstream, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(upstream, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65536):
                # Frames of HTTP/2 that carry no answer are short: acknowledgements, pings, window updates.
                if is_answer and len(data) > 60 and self._cuts_next_answer.is_set():
                    self._cuts_next_answer.clear()
                    break
                target.sendall(data)
        except OSError:
            pass
        _break(source)
        _break(target)


def _break(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
