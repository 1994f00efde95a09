"""Who hears of what: in the inbox, by e-mail, on Slack; every preference turned on and off."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import Job, JobExecution, Notification, SlackSettings, User, UserNotificationPreferences
from cronjobs.services import news, runs
from cronjobs.services.calls import Outcome
from cronjobs.services.news import Mail, Post
from cronjobs.services.runs import leases
from crossfade import clock
from crossfade.database.sessions import begin_write

HOOK = "https://hooks.slack.test/services/T0/B0/secretsecret"


@pytest.fixture
def store(router):
    """Stores rows."""

    def stored(*rows):
        with router.session("flask") as session:
            session.add_all(rows)

    return stored


@pytest.fixture
def prefer(world, store):
    """Sets a person's preferences."""

    def set_preferences(username, **chosen):
        store(UserNotificationPreferences(user_id=world.people[username].id, **chosen))

    return set_preferences


@pytest.fixture
def end(router, world, add_job):
    """Ends a run of a new job of the editor's; what it wanted said."""

    def ended(*, ok=False, error="The target answered 500.", **job):
        job_id = add_job(**({"created_by": world.people["editor"].id} | job))
        with router.session("flask") as session:
            writer = begin_write(session)
            claim = runs.begin_manual(writer, session.get(Job, job_id), owner="test")
            outcome = Outcome(ok=ok, status=200 if ok else 500, error=None if ok else error)
            assert runs.finish(writer, claim, outcome)
            return news.taken(session)

    return ended


@pytest.fixture
def told(router, world):
    """Who has what in their inbox: name → titles."""

    def look():
        names = {person.id: name for name, person in world.people.items()}
        with router.session("flask") as session:
            found = {}
            for row in session.scalars(select(Notification).order_by(Notification.created_at, Notification.id)):
                found.setdefault(names[row.user_id], []).append(row.title)
            return found

    return look


def mails(pieces):
    return {piece.to: piece for piece in pieces if isinstance(piece, Mail)}


def people(*names):
    return {(f"{name}@cronjobs.test",) for name in names}


# --- in the inbox -----------------------------------------------------------------------------------------------------


def test_the_creator_and_the_active_admins_find_a_failure_in_their_inbox(end, told, session, world):
    end(name="nightly")

    assert told() == {"admin": ["Job failed: nightly"], "editor": ["Job failed: nightly"]}
    note = session.scalar(select(Notification).where(Notification.user_id == world.people["editor"].id))
    run = session.scalar(select(JobExecution))
    assert (note.message, note.type, note.is_read) == (
        "The job nightly failed: The target answered 500.",
        "error",
        False,
    )
    assert (note.related_job_id, note.related_execution_id, note.created_at) == (run.job_id, run.id, run.completed_at)


def test_a_success_is_told_too(end, told):
    end(name="nightly", ok=True)

    assert told() == {"admin": ["Job succeeded: nightly"], "editor": ["Job succeeded: nightly"]}


def test_an_admins_own_job_is_told_once(end, told, world):
    end(name="nightly", created_by=world.people["admin"].id)

    assert told() == {"admin": ["Job failed: nightly"]}


def test_a_job_of_nobodys_is_told_to_the_admins(end, told):
    end(name="nightly", created_by=None)

    assert told() == {"admin": ["Job failed: nightly"]}


def test_who_wants_no_browser_notifications_finds_nothing_and_still_gets_mail(end, told, prefer):
    prefer("editor", browser_notifications=False)

    pieces = end(name="nightly")

    assert told() == {"admin": ["Job failed: nightly"]}
    assert mails(pieces).keys() == people("admin", "editor")


def test_inactive_users_get_nothing(end, told, session, world):
    for name in ("editor", "admin"):
        session.get(User, world.people[name].id).is_active = False
    session.commit()

    pieces = end(enable_email_notifications=True, notification_emails="editor@cronjobs.test,ops@example.com")

    assert told() == {}
    assert mails(pieces).keys() == {("ops@example.com",)}


def test_a_run_that_is_nobodys_any_more_is_told_once(router, add_job, told, write):
    add_job("nightly")
    (claim,) = write(runs.claim_due, node="a", stack="flask", zone=clock.now().tzinfo).claims
    later = clock.now() + 2 * leases.LEASE

    assert write(runs.reap, now=later) == 1
    assert not write(runs.finish, claim, Outcome(ok=True))

    assert told() == {"admin": ["Job interrupted: nightly"]}


def test_runs_that_the_legacy_application_left_behind_are_closed_without_a_word(add_job, store, write, told):
    job_id = add_job("nightly")
    old = clock.naive_utc() - timedelta(days=400)
    store(JobExecution(job_id=job_id, status="running", trigger_type="scheduled", started_at=old))

    assert write(runs.reap) == 1

    assert told() == {}


def test_what_is_rolled_back_was_never_said(router, add_job, told):
    job_id = add_job("nightly")
    session = router.session_factory("flask")()
    claim = runs.begin_manual(begin_write(session), session.get(Job, job_id), owner="test")
    runs.finish(begin_write(session), claim, Outcome(ok=False, error="No."))
    session.rollback()
    session.close()

    assert told() == {}


# --- by e-mail --------------------------------------------------------------------------------------------------------


def test_a_failure_is_mailed_to_the_list_and_to_each_user_alone(end):
    pieces = end(name="nightly", enable_email_notifications=True, notification_emails="a@example.com,b@example.com")

    found = mails(pieces)
    assert found.keys() == {("a@example.com", "b@example.com")} | people("admin", "editor")
    assert {mail.subject for mail in found.values()} == {"Job failed: nightly"}


def test_nothing_goes_to_the_list_of_a_job_whose_mail_is_off(end):
    assert mails(end(notification_emails="a@example.com")).keys() == people("admin", "editor")


def test_who_wants_no_mail_about_failures_gets_none(end, prefer, told):
    prefer("editor", email_on_job_failure=False)

    pieces = end(enable_email_notifications=True, notification_emails="editor@cronjobs.test,a@example.com")

    assert mails(pieces).keys() == {("a@example.com",)} | people("admin")
    assert told().keys() == {"admin", "editor"}


def test_an_address_of_the_list_that_is_a_users_gets_one_mail(end):
    pieces = end(enable_email_notifications=True, notification_emails="Editor@cronjobs.test,a@example.com")

    assert mails(pieces).keys() == {("Editor@cronjobs.test", "a@example.com")} | people("admin")


def test_a_success_is_mailed_if_the_job_asks(end):
    listed = {"enable_email_notifications": True, "notification_emails": "a@example.com"}

    assert mails(end(name="quiet", ok=True, **listed)) == {}
    asked = mails(end(name="loud", ok=True, notify_on_success=True, **listed))
    assert asked.keys() == {("a@example.com",)} | people("admin", "editor")


def test_who_wants_no_mail_about_successes_gets_none(end, prefer):
    prefer("admin", email_on_job_success=False)

    assert mails(end(ok=True, notify_on_success=True)).keys() == people("editor")


def test_a_paused_job_is_mailed_to_who_wants_to_hear_of_those(router, add_job, prefer, told, settings, world):
    prefer("editor", email_on_job_disabled=True)
    over = clock.now().date() - timedelta(days=3)
    add_job("ended", end_date=over, created_by=world.people["editor"].id)

    with router.session("flask") as session:
        assert runs.claim_due(begin_write(session), node="a", stack="flask", zone=settings.zone).claims == []
        pieces = news.taken(session)

    assert told() == {"admin": ["Job paused: ended"], "editor": ["Job paused: ended"]}
    assert mails(pieces).keys() == people("editor")
    assert str(over) in mails(pieces)[("editor@cronjobs.test",)].lines[0]


def test_messages_repeat_no_secret(end, session):
    pieces = end(
        target_url="https://example.com/hook?token=tttttttttt",
        job_metadata='{"password": "pppppppppp"}',
        error="No connection to https://me:ssssssssss@example.com with bearer bbbbbbbbbb",
    )

    said = repr(pieces) + repr(session.scalars(select(Notification.message)).all())
    assert "example.com" in said
    for secret in ("tttttttttt", "pppppppppp", "ssssssssss", "bbbbbbbbbb"):
        assert secret not in said


def test_a_name_as_long_as_its_column_fits_into_a_title(end, told):
    end(name="n" * 255)

    assert len(told()["admin"][0]) == 255


# --- on Slack ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ok", [True, False])
def test_slack_hears_of_every_run_where_it_is_enabled(end, store, ok):
    store(SlackSettings(is_enabled=True, webhook_url=HOOK, channel="#ops"))

    (post,) = [piece for piece in end(name="nightly", ok=ok) if isinstance(piece, Post)]

    assert (post.webhook_url, post.channel) == (HOOK, "#ops")
    assert post.lines[0].text == ("Job succeeded: nightly" if ok else "Job failed: nightly")
    assert HOOK not in repr(post)


@pytest.mark.parametrize("chosen", [{"is_enabled": False, "webhook_url": HOOK}, {"is_enabled": True}])
def test_slack_hears_nothing_where_it_is_not_enabled(end, store, chosen):
    store(SlackSettings(**chosen))

    assert not [piece for piece in end() if isinstance(piece, Post)]


# --- many misses at once ----------------------------------------------------------------------------------------------


@pytest.fixture
def miss(router, settings, world, add_job):
    """So many jobs of the editor's miss a run, and one of nobody's; what that wanted said."""

    def missed(count, **fields):
        late = {"ago": timedelta(hours=1), "cron_expression": "0 0 1 1 *", "misfire_policy": "skip"} | fields
        for number in range(count):
            add_job(f"job {number:02}", created_by=world.people["editor"].id, **late)
        add_job("zz nobody's", **late)
        with router.session("flask") as session:
            assert runs.claim_due(begin_write(session), node="n", stack="flask", zone=settings.zone).claims == []
            return news.taken(session)

    return missed


def test_few_misses_are_told_of_one_by_one(miss, told):
    pieces = miss(3)

    assert len(told()["admin"]) == 4
    assert len([each for each in pieces if isinstance(each, Mail)]) == 7


def test_many_misses_are_told_of_in_one_message_each(miss, told, store, session):
    store(SlackSettings(is_enabled=True, webhook_url=HOOK))

    pieces = miss(30, enable_email_notifications=True, notification_emails="oncall@example.com,editor@cronjobs.test")

    assert told() == {"admin": ["31 jobs missed runs"], "editor": ["30 jobs missed runs"]}
    mails = {each.to: each for each in pieces if isinstance(each, Mail)}
    assert len(mails) == len(pieces) - 1
    assert {to: mail.subject for to, mail in mails.items()} == {
        ("admin@cronjobs.test",): "31 jobs missed runs",
        ("editor@cronjobs.test",): "31 jobs missed runs",
        ("oncall@example.com",): "31 jobs missed runs",
    }
    assert "job 00, job 01" in mails["admin@cronjobs.test",].lines[0]
    assert "and 11 others" in mails["admin@cronjobs.test",].lines[0]
    assert session.scalars(select(Notification.related_job_id)).all() == [None, None]
    assert len(session.scalars(select(JobExecution.id).where(JobExecution.state == "missed")).all()) == 31


def test_of_many_misses_who_wants_no_mail_gets_none(miss, prefer):
    prefer("editor", email_on_job_failure=False)

    pieces = miss(30, enable_email_notifications=True, notification_emails="editor@cronjobs.test")

    assert [each.to for each in pieces] == [("admin@cronjobs.test",)]
