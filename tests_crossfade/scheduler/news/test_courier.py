"""The courier takes news along, of runs by the clock and by hand: delivered, or dropped with a log; nobody waits."""

import logging
import threading
import time
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from cronjobs import fastapi_app, flask_app
from cronjobs.models import JobExecution, SlackSettings, UserNotificationPreferences
from cronjobs.scheduler import courier, mail, slack
from cronjobs.scheduler.courier import Courier
from crossfade import clock

PATIENCE = 20.0


@pytest.fixture
def hire():
    hired = []

    def make(settings):
        hired.append(Courier(settings))
        return hired[-1]

    yield make
    for each in hired:
        each.stop(PATIENCE)


def test_what_is_handed_over_arrives(hire, mailing, postbox, target, letter, post):
    carrier = hire(mailing)

    carrier.send([letter(), post(target.answers("/hook"))])
    carrier.stop(PATIENCE)

    assert len(postbox.envelopes) == len(target.received) == 1


def test_handing_over_takes_no_time_and_raises_nothing(hire, mailing, behaving, letter):
    with behaving("says nothing") as port:
        carrier = hire(mailing.model_copy(update={"mail_port": port}))
        began = time.monotonic()

        for _ in range(50):
            carrier.send([letter()])

        assert time.monotonic() - began < 2
        carrier.stop(0)


def test_too_much_is_dropped_with_a_log(hire, mailing, caplog, monkeypatch, behaving, letter):
    monkeypatch.setattr(courier, "MOST_WAITING", 5)
    with behaving("says nothing") as port, caplog.at_level(logging.ERROR):
        before = set(threading.enumerate())
        carrier = hire(mailing.model_copy(update={"mail_port": port}))
        for _ in range(20):
            carrier.send([letter()])
        carriers = {each for each in threading.enumerate() if each.name == "cronjobs-courier"} - before
        carrier.stop(0)

    assert "News about job 1 (e-mail) is dropped" in caplog.text
    assert 1 <= len(carriers) <= courier.MOST_CARRIERS


def test_what_cannot_be_delivered_is_dropped_with_a_log_and_the_next_is_delivered(
    hire, mailing, target, caplog, unused_port, letter, post
):
    carrier = hire(mailing.model_copy(update={"mail_port": unused_port}))
    broken, fine = target.answers("/secretsecret", 500), target.answers("/fine")

    carrier.send([letter(), post(broken), post("nonsense"), post(fine)])
    carrier.stop(PATIENCE)

    assert len(target.calls("/fine")) == 1
    assert caplog.text.count("could not be delivered") == 3
    assert "secretsecret" not in caplog.text


def test_without_a_mail_server_no_mail_is_sent_and_nothing_is_logged(hire, plain, caplog, letter):
    carrier = hire(plain)

    carrier.send([letter()])
    carrier.stop(PATIENCE)

    assert caplog.text == ""


def test_under_testing_nothing_leaves_this_machine(hire, mailing, postbox, target, caplog, letter, post):
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


@pytest.fixture
def start(start, mailing):
    """The same with a mail server."""
    mails = {"mail_server": "127.0.0.1", "mail_port": mailing.mail_port, "mail_use_tls": False}
    return lambda **changes: start(**mails | changes)


def test_a_run_of_the_scheduler_is_told_by_mail_and_on_slack(start, add_job, router, target, postbox, eventually):
    with router.session("flask") as session:
        session.add(SlackSettings(is_enabled=True, webhook_url=target.answers("/slack")))
    # Once a year: of a job of each minute a second tick may be due before the first is claimed, and that is told, too.
    add_job("nightly", target_url=target.answers("/hook", 500))

    start()
    eventually(lambda: postbox.envelopes and target.calls("/slack"))

    assert [each["Subject"] for each in postbox.letters] == ["Job failed: nightly"]
    assert postbox.envelopes[0].rcpt_tos == ["admin@cronjobs.test"]
    assert target.calls("/slack")[0].json["text"].startswith("Job failed: nightly\n")


@pytest.mark.parametrize("act", ["says nothing", "drips", "hangs up"])
def test_servers_that_misbehave_neither_delay_nor_fail_a_run(
    act, start, add_job, router, target, session, eventually, behaving
):
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


def test_a_run_by_hand_is_told_by_mail_and_on_slack(execute, add_job, router, target, postbox, eventually):
    with router.session("flask") as session:
        session.add(SlackSettings(is_enabled=True, webhook_url=target.answers("/slack")))

    assert execute(add_job("nightly", target_url=target.answers("/hook", 500))) == 200

    eventually(lambda: postbox.envelopes and target.calls("/slack"))
    assert [each["Subject"] for each in postbox.letters] == ["Job failed: nightly"]


def test_a_job_that_is_paused_when_it_is_run_by_hand_is_told(execute, add_job, router, world, postbox, eventually):
    admin = world.people["admin"].id
    with router.session("flask") as session:
        session.add(UserNotificationPreferences(user_id=admin, email_on_job_disabled=True))
    over = clock.now().date() - timedelta(days=3)

    assert execute(add_job("ended", end_date=over)) == 400

    eventually(lambda: postbox.envelopes)
    assert [each["Subject"] for each in postbox.letters] == ["Job paused: ended"]
