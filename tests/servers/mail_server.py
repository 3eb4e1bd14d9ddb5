"""A real mail server on this machine, and the URL that Apprise sends to it by."""

import contextlib
import email
import socket
from collections.abc import Iterator

from aiosmtpd.controller import Controller

SECRET = "uncommon-password-7291"


class Mails:
    """The mails that a server received."""

    def __init__(self):
        self.texts: list[str] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        message = email.message_from_bytes(envelope.content)
        parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
        self.texts.append(" ".join([str(message["Subject"]), *(part.decode() for part in parts)]))
        return "250 OK"


@contextlib.contextmanager
def serving() -> Iterator[tuple[Mails, str]]:
    """Serve; yield the received mails, and the URL, which has a secret in it."""
    mails = Mails()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mails, hostname="127.0.0.1", port=port, ready_timeout=600)
    controller.start()
    yield mails, f"mailto://127.0.0.1:{port}/?from=a@example.org&to=b@example.org&mode=insecure&name={SECRET}"
    controller.stop()
