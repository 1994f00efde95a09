"""News leave the house: over a real SMTP server and a real web server, which may be slow, refuse or lie."""

import asyncio
import logging
import socket
import socketserver
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as policy
from functools import partial
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import func, select

from cronjobs import fastapi_app, flask_app
from cronjobs.models import JobExecution, SlackSettings, UserNotificationPreferences
from cronjobs.scheduler import courier, mail, slack
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.mail import UndeliveredError
from cronjobs.scheduler.outgoing import OutgoingError
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services.news import Line, Mail, Post
from cronjobs.settings import Settings
from crossfade import clock

PATIENCE = 20.0
CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""Of 127.0.0.1, signed by itself, with its key; good until 2126."""


class Postbox:
    """What a mail server was handed, and whom it refuses."""

    def __init__(self):
        self.envelopes = []
        self.refused = set()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def letters(self):
        return [message_from_bytes(each.content, policy=policy) for each in self.envelopes]


@pytest.fixture
def unused_port():
    """A port on the loopback where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(postbox, *, implicit=None, **options):
    """A real mail server; its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server")
    thread.start()

    def called(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    async def end():
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    made = partial(SMTP, postbox, hostname="localhost", loop=loop, **options)
    server = called(loop.create_server(made, "127.0.0.1", 0, ssl=implicit))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        called(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def postbox():
    return Postbox()


@pytest.fixture
def mailing(postbox, tmp_path):
    """Settings with a mail server on loopback."""
    with serving(postbox) as port:
        yield Settings(root=tmp_path, mail_server="127.0.0.1", mail_port=port, mail_use_tls=False)


@contextmanager
def behaving(act):
    """A server that does `act` with each connection; its port. In the end it hangs up on all."""
    connections = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connections.append(self.request)
            with suppress(OSError):
                act(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def letter(*to, subject="Job failed: nightly", lines=("It failed.",), path="/jobs/1"):
    return Mail(about="job 1", to=to or ("ops@example.com",), subject=subject, lines=lines, path=path)


def post(url, *lines, channel=None):
    return Post(about="job 1", webhook_url=url, channel=channel, lines=lines or (Line("It failed."),), path="/jobs/1")


def within(seconds, act):
    began = time.monotonic()
    with pytest.raises(UndeliveredError):
        act()
    assert time.monotonic() - began < seconds


# --- e-mail -----------------------------------------------------------------------------------------------------------


def test_a_letter_arrives_with_its_link(mailing, postbox):
    sent = mailing.model_copy(update={"frontend_base_url": "https://jobs.example.com/"})

    assert mail.deliver([letter("a@example.com", "b@example.com")], sent) == 1

    (arrived,) = postbox.letters
    assert postbox.envelopes[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert (arrived["From"], arrived["Subject"]) == ("cronjobs@localhost", "Job failed: nightly")
    assert arrived["Date"]
    assert arrived["Message-ID"]
    assert arrived.get_content().split() == ["It", "failed.", "https://jobs.example.com/jobs/1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029", "\x00"])
def test_a_name_makes_no_header_of_its_own(mailing, postbox, end):
    subject = f"Job failed: evil{end}Bcc: everybody@example.com{end}{end}<html>"

    mail.deliver([letter(subject=subject)], mailing)

    (arrived,) = postbox.letters
    assert arrived["Bcc"] is None
    assert arrived["Subject"] == "Job failed: evil Bcc: everybody@example.com <html>"
    assert postbox.envelopes[0].rcpt_tos == ["ops@example.com"]


def test_a_name_of_any_script_arrives_as_it_is(mailing, postbox):
    mail.deliver([letter(subject="Job failed: 日次レポート 📈", lines=("日" * 300,))], mailing)

    (arrived,) = postbox.letters
    assert arrived["Subject"] == "Job failed: 日次レポート 📈"
    assert arrived.get_content().startswith("日" * 300)


def test_an_address_that_is_none_keeps_no_other_from_its_letter(mailing, postbox):
    addresses = ("ops@example.com", "nobody", "a@b\r\nRCPT TO:<evil@example.com>", "")

    assert mail.deliver([letter("junk"), letter(*addresses)], mailing) == 1

    assert [each.rcpt_tos for each in postbox.envelopes] == [["ops@example.com"]]


def test_an_address_that_the_server_refuses_keeps_no_other_from_its_letter(mailing, postbox):
    postbox.refused = {"gone@example.com"}

    assert mail.deliver([letter("gone@example.com"), letter("gone@example.com", "b@example.com")], mailing) == 1

    assert [each.rcpt_tos for each in postbox.envelopes] == [["b@example.com"]]


def test_whoever_has_a_password_signs_in(postbox, tmp_path):
    seen = []

    def check(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    options = {"authenticator": check, "auth_require_tls": False}
    with serving(postbox, **options) as port:
        settings = Settings(
            root=tmp_path,
            mail_server="127.0.0.1",
            mail_port=port,
            mail_use_tls=False,
            mail_username="cron",
            mail_password=SecretStr("hunter22"),
        )
        assert mail.deliver([letter()], settings) == 1

    assert seen == [(b"cron", b"hunter22")]


def test_a_password_that_is_refused_is_not_repeated(postbox, tmp_path):
    options = {"authenticator": lambda *_: AuthResult(success=False, handled=False), "auth_require_tls": False}
    with serving(postbox, **options) as port:
        settings = Settings(
            root=tmp_path,
            mail_server="127.0.0.1",
            mail_port=port,
            mail_use_tls=False,
            mail_username="cron",
            mail_password=SecretStr("hunter22"),
        )
        with pytest.raises(UndeliveredError, match="535") as refused:
            mail.deliver([letter()], settings)

    assert "hunter22" not in str(refused.value)
    assert postbox.envelopes == []


@pytest.fixture
def certified(monkeypatch):
    """What a mail server on 127.0.0.1 shows, and this machine believes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.mark.parametrize("way", ["starttls", "implicit"])
def test_letters_go_over_tls_where_that_was_asked_for(way, postbox, tmp_path, certified, monkeypatch):
    options = {"tls_context": certified, "require_starttls": True} if way == "starttls" else {}
    with serving(postbox, implicit=certified if way == "implicit" else None, **options) as port:
        monkeypatch.setattr(mail, "_IMPLICIT_TLS", port if way == "implicit" else 465)
        settings = Settings(root=tmp_path, mail_server="127.0.0.1", mail_port=port, mail_use_tls=True)
        assert mail.deliver([letter()], settings) == 1

    assert len(postbox.envelopes) == 1


def test_a_certificate_of_another_name_is_refused_and_nothing_sent(postbox, tmp_path, certified):
    with serving(postbox, tls_context=certified) as port:
        settings = Settings(root=tmp_path, mail_server="localhost", mail_port=port, mail_use_tls=True)
        with pytest.raises(UndeliveredError, match="SSLCertVerificationError"):
            mail.deliver([letter()], settings)

    assert postbox.envelopes == []


def test_nothing_is_said_in_the_clear_where_tls_was_asked_for(mailing, postbox):
    lying = mailing.model_copy(
        update={"mail_use_tls": True, "mail_username": "cron", "mail_password": SecretStr("hunter22")}
    )

    with pytest.raises(UndeliveredError, match="NotSupported"):
        mail.deliver([letter()], lying)

    assert postbox.envelopes == []


def test_a_server_that_is_not_there_is_an_error(mailing, unused_port):
    with pytest.raises(UndeliveredError):
        mail.deliver([letter()], mailing.model_copy(update={"mail_port": unused_port}))


def _says_nothing(connection):
    connection.recv(1)


def _drips(connection):
    while True:
        connection.send(b"2")
        time.sleep(0.02)


def _drips_lines(connection):
    while True:
        connection.send(b"220-hello\r\n")
        time.sleep(0.02)


def _floods(connection):
    while True:
        connection.send(b"220-hello\r\n" * 1000)


def _hangs_up(connection):
    connection.send(b"220 hello\r\n")


def _starts_tls_and_says_nothing(connection):
    connection.send(b"220 hello\r\n")
    connection.recv(100)
    connection.send(b"250-hello\r\n250 STARTTLS\r\n")
    connection.recv(100)
    connection.send(b"220 go ahead\r\n")
    while True:
        connection.send(b"\x16\x03\x03\x40\x00"[:1])
        time.sleep(0.02)


def _talks_nonsense(connection):
    connection.send(b"\xff\xfe\x00 HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    "act",
    [_says_nothing, _drips, _drips_lines, _floods, _hangs_up, _starts_tls_and_says_nothing, _talks_nonsense],
)
def test_a_mail_server_that_misbehaves_holds_nobody_past_the_deadline(act, mailing):
    with behaving(act) as port:
        settings = mailing.model_copy(update={"mail_port": port, "mail_use_tls": True})

        within(5, lambda: mail.deliver([letter()], settings, deadline=0.5))


# --- Slack ------------------------------------------------------------------------------------------------------------


def test_a_message_is_posted(target, plain):
    url = target.answers("/services/T0/B0/x", 200, "ok")

    asyncio.run(slack.deliver(post(url, Line("a <!channel> & b"), Line("Team:", "@platform"), channel="#ops"), plain))

    assert target.received[0].json == {
        "text": "a &lt;!channel&gt; &amp; b\nTeam: @platform\nhttp://localhost:3000/jobs/1",
        "channel": "#ops",
    }


def test_a_message_that_slack_refuses_is_an_error_without_the_address(target, plain):
    url = target.answers("/services/secretsecret", 404, "no_service")

    with pytest.raises(OutgoingError, match="404") as refused:
        asyncio.run(slack.deliver(post(url), plain))

    assert "secretsecret" not in str(refused.value)


def test_slack_is_not_reached_at_private_addresses_where_those_are_forbidden(target, guarded):
    with pytest.raises(OutgoingError, match="not a public address"):
        asyncio.run(slack.deliver(post(target.answers("/hook")), guarded))

    assert target.received == []


@pytest.mark.parametrize("act", [_says_nothing, _drips, _floods])
def test_a_slack_that_misbehaves_holds_nobody_past_the_deadline(act, plain):
    with behaving(act) as port:
        began = time.monotonic()
        with pytest.raises(OutgoingError):
            asyncio.run(slack.deliver(post(f"http://127.0.0.1:{port}/hook"), plain, deadline=0.5))

    assert time.monotonic() - began < 5


# --- the courier ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hire():
    hired = []

    def make(settings):
        hired.append(Courier(settings))
        return hired[-1]

    yield make
    for each in hired:
        each.stop(PATIENCE)


def test_what_is_handed_over_arrives(hire, mailing, postbox, target):
    carrier = hire(mailing)

    carrier.send([letter(), post(target.answers("/hook"))])
    carrier.stop(PATIENCE)

    assert len(postbox.envelopes) == len(target.received) == 1


def test_handing_over_takes_no_time_and_raises_nothing(hire, mailing):
    with behaving(_says_nothing) as port:
        carrier = hire(mailing.model_copy(update={"mail_port": port}))
        began = time.monotonic()

        for _ in range(50):
            carrier.send([letter()])

        assert time.monotonic() - began < 2
        carrier.stop(0)


def test_too_much_is_dropped_with_a_log(hire, mailing, caplog, monkeypatch):
    monkeypatch.setattr(courier, "MOST_WAITING", 5)
    with behaving(_says_nothing) as port, caplog.at_level(logging.ERROR):
        before = set(threading.enumerate())
        carrier = hire(mailing.model_copy(update={"mail_port": port}))
        for _ in range(20):
            carrier.send([letter()])
        carriers = {each for each in threading.enumerate() if each.name == "cronjobs-courier"} - before
        carrier.stop(0)

    assert "News about job 1 (e-mail) is dropped" in caplog.text
    assert 1 <= len(carriers) <= courier.MOST_CARRIERS


def test_what_cannot_be_delivered_is_dropped_with_a_log_and_the_next_is_delivered(
    hire, mailing, target, caplog, unused_port
):
    carrier = hire(mailing.model_copy(update={"mail_port": unused_port}))
    broken, fine = target.answers("/secretsecret", 500), target.answers("/fine")

    carrier.send([letter(), post(broken), post("nonsense"), post(fine)])
    carrier.stop(PATIENCE)

    assert len(target.calls("/fine")) == 1
    assert caplog.text.count("could not be delivered") == 3
    assert "secretsecret" not in caplog.text


def test_without_a_mail_server_no_mail_is_sent_and_nothing_is_logged(hire, plain, caplog):
    carrier = hire(plain)

    carrier.send([letter()])
    carrier.stop(PATIENCE)

    assert caplog.text == ""


def test_under_testing_nothing_leaves_this_machine(hire, mailing, postbox, target, caplog):
    carrier = hire(mailing.model_copy(update={"testing": True}))
    away = hire(mailing.model_copy(update={"testing": True, "mail_server": "mail.example.com"}))

    away.send([letter(), post("https://hooks.slack.com/services/T0")])
    carrier.send([letter(), post(target.answers("/hook"))])
    for each in (away, carrier):
        each.stop(PATIENCE)

    assert len(postbox.envelopes) == len(target.received) == 1
    assert caplog.text == ""


def test_nobody_carries_where_there_is_nothing_to_carry(hire, mailing):
    carrier = hire(mailing)
    before = set(threading.enumerate())

    carrier.send([])

    assert set(threading.enumerate()) <= before


# --- with the scheduler -----------------------------------------------------------------------------------------------


@pytest.fixture
def start(router, settings, mailing):
    started = []

    def scheduler(**changes):
        mails = {"mail_server": "127.0.0.1", "mail_port": mailing.mail_port, "mail_use_tls": False}
        made = Scheduler(router, settings.model_copy(update=mails | changes), "flask")
        started.append(made)
        made.start()
        return made

    yield scheduler
    for each in started:
        each.stop()


def eventually(question):
    latest = time.monotonic() + PATIENCE
    while not (answer := question()):
        assert time.monotonic() < latest, "it never happened"
        time.sleep(0.02)
    return answer


def test_a_run_of_the_scheduler_is_told_by_mail_and_on_slack(start, add_job, router, target, postbox):
    with router.session("flask") as session:
        session.add(SlackSettings(is_enabled=True, webhook_url=target.answers("/slack")))
    add_job("nightly", target_url=target.answers("/hook", 500))

    start()
    eventually(lambda: postbox.envelopes and target.calls("/slack"))

    assert [each["Subject"] for each in postbox.letters] == ["Job failed: nightly"]
    assert postbox.envelopes[0].rcpt_tos == ["admin@cronjobs.test"]
    assert target.calls("/slack")[0].json["text"].startswith("Job failed: nightly\n")


@pytest.mark.parametrize("act", [_says_nothing, _drips, _hangs_up])
def test_servers_that_misbehave_neither_delay_nor_fail_a_run(act, start, add_job, router, target, session):
    with behaving(act) as port:
        with router.session("flask") as arranging:
            arranging.add(SlackSettings(is_enabled=True, webhook_url=f"http://127.0.0.1:{port}/hook"))
        for number in range(10):
            add_job(f"job {number}", target_url=target.answers("/hook"), notify_on_success=True)
        began = time.monotonic()
        start(mail_port=port)

        def ended():
            session.rollback()
            return session.scalar(select(func.count()).where(JobExecution.status == "success")) == 10

        eventually(ended)
        assert time.monotonic() - began < min(slack.DEADLINE, mail.DEADLINE)


# --- with runs by hand ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["flask", "fastapi"])
def execute(request, router, settings, mailing, world):
    """Runs a job by hand on a stack, as its owner; the answer's status."""
    mails = {"mail_server": "127.0.0.1", "mail_port": mailing.mail_port, "mail_use_tls": False}
    given = settings.model_copy(update=mails)
    headers = {"Authorization": f"Bearer {world.people['admin'].token}"}
    if request.param == "flask":
        client = flask_app.create_app(given, router=router).test_client()
        yield lambda job_id: client.post(f"/api/jobs/{job_id}/execute", headers=headers).status_code
    else:
        with TestClient(fastapi_app.create_app(given, router=router)) as client:
            yield lambda job_id: client.post(f"/api/v2/jobs/{job_id}/execute", headers=headers).status_code


def test_a_run_by_hand_is_told_by_mail_and_on_slack(execute, add_job, router, target, postbox):
    with router.session("flask") as session:
        session.add(SlackSettings(is_enabled=True, webhook_url=target.answers("/slack")))

    assert execute(add_job("nightly", target_url=target.answers("/hook", 500))) == 200

    eventually(lambda: postbox.envelopes and target.calls("/slack"))
    assert [each["Subject"] for each in postbox.letters] == ["Job failed: nightly"]


def test_a_job_that_is_paused_when_it_is_run_by_hand_is_told(execute, add_job, router, world, postbox):
    admin = world.people["admin"].id
    with router.session("flask") as session:
        session.add(UserNotificationPreferences(user_id=admin, email_on_job_disabled=True))
    over = clock.now().date() - timedelta(days=3)

    assert execute(add_job("ended", end_date=over)) == 400

    eventually(lambda: postbox.envelopes)
    assert [each["Subject"] for each in postbox.letters] == ["Job paused: ended"]
