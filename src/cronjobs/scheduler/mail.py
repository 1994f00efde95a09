"""E-mail: letters over SMTP, some over one connection, within one deadline.

It promises: whatever the server does (nothing, a byte now and then, lines without end), `deliver` returns in time; a
name with line breaks makes no header of its own; a password leaves only over TLS, unless MAIL_USE_TLS says that there
is none. It raises `UndeliveredError` and nothing else for what a server can do. When to send is left to `courier`.
"""

import logging
import smtplib
import socket
import ssl
import threading
import unicodedata
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime, make_msgid, parseaddr
from typing import IO

from typing_extensions import override

from cronjobs.scheduler.outgoing import MOST_BYTES
from cronjobs.services.news import Mail
from cronjobs.settings import Settings
from crossfade import clock

DEADLINE = 20.0
"""Seconds for all letters of one connection."""

_IMPLICIT_TLS = 465
_LONGEST_SUBJECT = 200
_LONGEST_TEXT = 50_000

logger = logging.getLogger(__name__)


class UndeliveredError(Exception):
    """The server did not take the letters; the message says why, for a log, without a secret."""


def is_on(settings: Settings) -> bool:
    """Whether there is a server to send to."""
    return bool(settings.mail_server.strip())


def deliver(letters: Sequence[Mail], settings: Settings, *, deadline: float = DEADLINE) -> int:
    """Hands letters to the server; how many it took. One that it refuses doesn't hold up the others.

    Raises UndeliveredError when it can't be spoken to, or no longer.
    """
    taken = 0
    try:
        with _speaking(settings, deadline) as server:
            for letter in letters:
                taken += _hand_over(server, letter, settings)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        # What a server says is not repeated: it may echo what it was told.
        code = getattr(error, "smtp_code", None)
        what = f"{type(error).__name__}{f' {code}' if code is not None else ''}"
        raise UndeliveredError(f"{what}, after {taken} of {len(letters)} letters") from error
    return taken


def message(letter: Mail, settings: Settings) -> EmailMessage:
    """The letter as it is sent. Raises ValueError if none of its addresses is one."""
    to = [address for each in letter.to if (address := _address(each)) is not None]
    if not to:
        raise ValueError("no valid address")
    made = EmailMessage(policy=POLICY)
    made["From"] = _sender(settings)
    made["To"] = to
    made["Subject"] = one_line(letter.subject)[:_LONGEST_SUBJECT]
    made["Date"] = format_datetime(clock.now())
    made["Message-ID"] = make_msgid(domain=_domain(settings))
    made["Auto-Submitted"] = "auto-generated"
    text = "\n\n".join(
        [*(one_line(line) for line in letter.lines), f"{settings.frontend_base_url.rstrip('/')}{letter.path}"]
    )
    made.set_content(f"{text[:_LONGEST_TEXT]}\n")
    return made


def one_line(text: str) -> str:
    """Text without line breaks, control characters and halves of characters, which are blanks in it."""
    clean = "".join(" " if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} else each for each in text)
    return " ".join(clean.split())


def _hand_over(server: smtplib.SMTP, letter: Mail, settings: Settings) -> int:
    try:
        refused = server.send_message(message(letter, settings))
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPException, MessageError, ValueError) as error:
        logger.warning("An e-mail about %s was refused: %s", letter.about, type(error).__name__)
        with suppress(smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException):
            server.rset()
        return 0
    if refused:
        logger.warning("An e-mail about %s was refused for %s of its addresses", letter.about, len(refused))
    return 1


@contextmanager
def _speaking(settings: Settings, deadline: float) -> Generator[smtplib.SMTP]:
    """A connection that was signed in; cut when the deadline is over, whatever is going on in it."""
    context = ssl.create_default_context() if settings.mail_use_tls else None
    server = _Connection(context if settings.mail_port == _IMPLICIT_TLS else None, deadline)
    # Whoever drips a byte now and then never runs into a timeout of a socket: the whole is cut from outside.
    guard = threading.Timer(deadline, server.cut)
    guard.daemon = True
    guard.start()
    try:
        server.connect(settings.mail_server.strip(), settings.mail_port)
        if context is not None and settings.mail_port != _IMPLICIT_TLS:
            server.starttls(context=context)
        if settings.mail_username:
            password = settings.mail_password.get_secret_value() if settings.mail_password else ""
            server.login(settings.mail_username, password)
        yield server
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        guard.cancel()
        server.close()


class _Connection(smtplib.SMTP):
    """An SMTP connection that can be cut from another thread, and reads a bounded number of bytes."""

    def __init__(self, context: ssl.SSLContext | None, timeout: float) -> None:
        # Given no name, smtplib asks the name servers for one, which may take its time.
        name = socket.gethostname()
        super().__init__(local_hostname=name if name.isascii() and name else "localhost", timeout=timeout)
        self._implicit = context
        self._spare: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # STARTTLS wants a certificate of this name; smtplib takes it from its constructor alone, which would connect.
        self._host = host
        opened = socket.create_connection((host, port), timeout)
        # TLS wraps and replaces the socket; what is done to the spare is done to the connection.
        self._spare = opened.dup()
        return opened if self._implicit is None else self._implicit.wrap_socket(opened, server_hostname=host)

    def cut(self) -> None:
        """Ends the connection, whatever it is waiting for."""
        if self._spare is not None:
            with suppress(OSError):
                self._spare.shutdown(socket.SHUT_RDWR)

    @override
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()

    @override
    def close(self) -> None:
        super().close()
        if self._spare is not None:
            self._spare.close()


class _Bounded:
    """What a server says, up to a number of bytes that no honest one comes near."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MOST_BYTES

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server talks without end")
        return line

    def close(self) -> None:
        self._file.close()


def _sender(settings: Settings) -> Address:
    name, written = parseaddr(one_line(settings.mail_default_sender))
    return Address(one_line(name), addr_spec=written)


def _domain(settings: Settings) -> str:
    return _sender(settings).domain or "localhost"


def _address(written: str) -> Address | None:
    try:
        return Address(addr_spec=written.strip())
    except (MessageError, ValueError, IndexError):
        return None
