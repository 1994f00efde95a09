"""Letters over a real SMTP server, which may be slow, refuse or lie."""

import ssl
import time
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from cronjobs.scheduler import mail
from cronjobs.scheduler.mail import UndeliveredError
from cronjobs.settings import Settings

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""Of 127.0.0.1, signed by itself, with its key; good until 2126."""


def within(seconds, act):
    began = time.monotonic()
    with pytest.raises(UndeliveredError):
        act()
    assert time.monotonic() - began < seconds


def test_a_letter_arrives_with_its_link(mailing, postbox, letter):
    sent = mailing.model_copy(update={"frontend_base_url": "https://jobs.example.com/"})

    assert mail.deliver([letter("a@example.com", "b@example.com")], sent) == 1

    (arrived,) = postbox.letters
    assert postbox.envelopes[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert (arrived["From"], arrived["Subject"]) == ("cronjobs@localhost", "Job failed: nightly")
    assert arrived["Date"]
    assert arrived["Message-ID"]
    assert arrived.get_content().split() == ["It", "failed.", "https://jobs.example.com/jobs/1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029", "\x00"])
def test_a_name_makes_no_header_of_its_own(mailing, postbox, end, letter):
    subject = f"Job failed: evil{end}Bcc: everybody@example.com{end}{end}<html>"

    mail.deliver([letter(subject=subject)], mailing)

    (arrived,) = postbox.letters
    assert arrived["Bcc"] is None
    assert arrived["Subject"] == "Job failed: evil Bcc: everybody@example.com <html>"
    assert postbox.envelopes[0].rcpt_tos == ["ops@example.com"]


def test_a_name_of_any_script_arrives_as_it_is(mailing, postbox, letter):
    mail.deliver([letter(subject="Job failed: 日次レポート 📈", lines=("日" * 300,))], mailing)

    (arrived,) = postbox.letters
    assert arrived["Subject"] == "Job failed: 日次レポート 📈"
    assert arrived.get_content().startswith("日" * 300)


def test_an_address_that_is_none_keeps_no_other_from_its_letter(mailing, postbox, letter):
    addresses = ("ops@example.com", "nobody", "a@b\r\nRCPT TO:<evil@example.com>", "")

    assert mail.deliver([letter("junk"), letter(*addresses)], mailing) == 1

    assert [each.rcpt_tos for each in postbox.envelopes] == [["ops@example.com"]]


def test_an_address_that_the_server_refuses_keeps_no_other_from_its_letter(mailing, postbox, letter):
    postbox.refused = {"gone@example.com"}

    assert mail.deliver([letter("gone@example.com"), letter("gone@example.com", "b@example.com")], mailing) == 1

    assert [each.rcpt_tos for each in postbox.envelopes] == [["b@example.com"]]


def test_whoever_has_a_password_signs_in(postbox, tmp_path, serving, letter):
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


def test_a_password_that_is_refused_is_not_repeated(postbox, tmp_path, serving, letter):
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
def test_letters_go_over_tls_where_that_was_asked_for(way, postbox, tmp_path, certified, monkeypatch, serving, letter):
    options = {"tls_context": certified, "require_starttls": True} if way == "starttls" else {}
    with serving(postbox, implicit=certified if way == "implicit" else None, **options) as port:
        monkeypatch.setattr(mail, "_IMPLICIT_TLS", port if way == "implicit" else 465)
        settings = Settings(root=tmp_path, mail_server="127.0.0.1", mail_port=port, mail_use_tls=True)
        assert mail.deliver([letter()], settings) == 1

    assert len(postbox.envelopes) == 1


def test_a_certificate_of_another_name_is_refused_and_nothing_sent(postbox, tmp_path, certified, serving, letter):
    with serving(postbox, tls_context=certified) as port:
        settings = Settings(root=tmp_path, mail_server="localhost", mail_port=port, mail_use_tls=True)
        with pytest.raises(UndeliveredError, match="SSLCertVerificationError"):
            mail.deliver([letter()], settings)

    assert postbox.envelopes == []


def test_nothing_is_said_in_the_clear_where_tls_was_asked_for(mailing, postbox, letter):
    lying = mailing.model_copy(
        update={"mail_use_tls": True, "mail_username": "cron", "mail_password": SecretStr("hunter22")}
    )

    with pytest.raises(UndeliveredError, match="NotSupported"):
        mail.deliver([letter()], lying)

    assert postbox.envelopes == []


def test_a_server_that_is_not_there_is_an_error(mailing, unused_port, letter):
    with pytest.raises(UndeliveredError):
        mail.deliver([letter()], mailing.model_copy(update={"mail_port": unused_port}))


@pytest.mark.parametrize(
    "act",
    ["says nothing", "drips", "drips lines", "floods", "hangs up", "starts tls and says nothing", "talks nonsense"],
)
def test_a_mail_server_that_misbehaves_holds_nobody_past_the_deadline(act, mailing, behaving, letter):
    with behaving(act) as port:
        settings = mailing.model_copy(update={"mail_port": port, "mail_use_tls": True})

        within(5, lambda: mail.deliver([letter()], settings, deadline=0.5))
