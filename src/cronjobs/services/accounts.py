"""Users: who signs in, who they are, and how admins keep them.

Names and addresses are unique without regard to case, and there is always an active admin: both hold however many
change accounts at once, because one does at a time. Services that hash a password take a plain `Session`, and begin to
write once the hash is made: hashing is slow, and the write lock is everybody's. What a name, an address and a password
may look like is left to `credentials`, who may do what to `permissions`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import Job, Notification, User, UserNotificationPreferences, UserUiPreferences
from cronjobs.models.users import ADMIN, VIEWER
from cronjobs.services import attempts, audit, credentials, tokens
from cronjobs.services.attempts import Attempt
from cronjobs.services.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    WrongPasswordError,
)
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession, begin_write, off_loop
from crossfade.errors import WritesFrozenError

_NOBODYS_HASH = "$argon2id$v=19$m=65536,t=3,p=4$2sMClx5chNefTZqOUFOqRg$XiClDzsoUF7n0MoeCjvss45aV8NGLiief1EGch4LsyU"
"""Verified when there is no such user, so that the answer takes as long as if there were."""

_ACCOUNTS_LOCK = 0x63726F6E75736572
"""PostgreSQL's advisory lock of whoever changes accounts: any number that nobody else uses."""


@dataclass(frozen=True)
class Login:
    """Who signed in, and the two tokens they got."""

    user: User
    access_token: str
    refresh_token: str


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """A user to be; the texts as `credentials` returned them."""

    username: str
    email: str
    password: str
    role: str = VIEWER
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a user: None leaves it as it is. The texts as `credentials` returned them."""

    email: str | None = None
    password: str | None = None
    role: str | None = None
    is_active: bool | None = None

    @property
    def fields(self) -> list[str]:
        """The names of what is to change, in a fixed order."""
        return [name for name in ("email", "password", "role", "is_active") if getattr(self, name) is not None]

    @property
    def privileged(self) -> bool:
        """Whether an admin alone may do this."""
        return self.role is not None or self.is_active is not None


def login(session: Session, *, identifier: str, password: str, settings: Settings, attempt: Attempt) -> Login:
    """Sign a user in by username or e-mail address; an old hash is replaced. Raises UnauthenticatedError, TooManyError.

    A WrongPasswordError is for the caller to count (`attempts.failed`), in a transaction that outlives the refusal.
    That an account is inactive is told to those only who know its password.
    """
    attempts.check(session, attempt)
    at = clock.now()
    user = _proven(session, _by_identifier(session, identifier), password)
    if user is None:
        raise WrongPasswordError("Invalid email/username or password")
    # Again: of many guesses at once, the right one must not tell itself from those that have come to the limit by now.
    failures = attempts.check(session, attempt)
    if not user.is_active:
        raise UnauthenticatedError("This account is inactive. Ask an admin to activate it.", error="Account inactive")
    if passwords.needs_rehash(user.password_hash):
        _rehash(session, user, password)
    if failures:
        attempts.forget(begin_write(session), attempt)
    return Login(
        user,
        access_token=tokens.issue(user, settings, "access", at=at, fresh=True),
        refresh_token=tokens.issue(user, settings, "refresh", at=at),
    )


def authenticate(session: Session, token: str, settings: Settings, *, kind: tokens.Kind = "access") -> User:
    """The active user behind a token of this kind. Raises UnauthenticatedError for any other token."""
    claims = tokens.read(token, settings, kind)
    row = session.execute(select(User, tokens.is_revoked(claims)).where(User.id == claims.user_id)).one_or_none()
    if row is None:
        raise UnauthenticatedError("The user of this token does not exist any more.", error="Unknown user")
    user, revoked = row
    if not user.is_active:
        raise UnauthenticatedError("The account of this token is inactive.", error="Account inactive")
    ended = user.tokens_valid_from is not None and claims.issued_at < clock.utc(user.tokens_valid_from)
    if revoked or ended:
        raise UnauthenticatedError("The token has been revoked.", error="Token revoked")
    return user


def refresh(session: Session, token: str, settings: Settings) -> str:
    """A new access token for a refresh token. Raises UnauthenticatedError."""
    at = clock.now()
    return tokens.issue(authenticate(session, token, settings, kind="refresh"), settings, "access", at=at)


def logout(session: WriteSession, token: str, settings: Settings) -> None:
    """Revoke an access token that is good until now. Raises UnauthenticatedError."""
    authenticate(session, token, settings)
    tokens.revoke(session, tokens.read(token, settings, "access"))


def users(session: Session) -> Sequence[User]:
    """All users, the oldest first."""
    return session.scalars(select(User).order_by(User.created_at.asc().nulls_first(), User.id)).all()


def user(session: Session, user_id: str) -> User:
    """The user with this id. Raises NotFoundError."""
    found = session.get(User, user_id)
    if found is None:
        raise _not_found()
    return found


def register(session: Session, new: NewUser, *, caller: User | None) -> User:
    """Make a user. Raises ConflictError when the name or the address is taken, in whatever case.

    `caller` is None where nobody is signed in.
    """
    password_hash = off_loop(passwords.hash_password, new.password)
    writer = _alone(session)
    _refuse_taken_username(writer, new.username)
    _refuse_taken_email(writer, new.email)
    made = User(
        username=new.username,
        email=new.email,
        password_hash=password_hash,
        role=new.role,
        is_active=new.is_active,
    )
    writer.add(made)
    _flush(writer)
    audit.created(writer, caller, made)
    return made


def change(session: Session, user_id: str, changes: Changes, *, caller: User) -> User:
    """Change a user; a new password and a deactivation end the user's tokens.

    Raises InvalidError when there is nothing to change or no active admin would be left, ForbiddenError when the caller
    is no admin and would change the role or the activity, NotFoundError, and ConflictError when the address is taken.
    """
    if changes.privileged and caller.role != ADMIN:
        raise ForbiddenError("Only an admin may change a role or activate and deactivate an account.")
    if not changes.fields:
        raise InvalidError("There is nothing to update.", error="Nothing to update")
    user(session, user_id)
    password_hash = off_loop(passwords.hash_password, changes.password) if changes.password is not None else None
    writer = _alone(session)
    changed = _locked(writer, user_id)
    before = audit.state(changed)
    if changes.role not in {None, ADMIN} or changes.is_active is False:
        _keep_an_admin(writer, changed)
    if changes.email is not None:
        _refuse_taken_email(writer, changes.email, but_by=changed)
        changed.email = changes.email
    if changes.role is not None:
        changed.role = changes.role
    if changes.is_active is not None:
        changed.is_active = changes.is_active
    if password_hash is not None:
        changed.password_hash = password_hash
    if password_hash is not None or changes.is_active is False:
        changed.tokens_valid_from = clock.naive_utc()
    _flush(writer)
    audit.changed(writer, caller, changed, before)
    return changed


def remove(session: WriteSession, user_id: str, *, caller: User) -> User:
    """Delete a user with notifications and preferences; jobs stay, without an owner.

    Raises InvalidError for oneself and the last active admin, and NotFoundError.
    """
    if user_id == caller.id:
        raise InvalidError("You can't delete your own account.", error="Cannot delete yourself")
    removed = _locked(_alone(session), user_id)
    _keep_an_admin(session, removed)
    audit.deleted(session, caller, removed)
    for owned in (Notification, UserNotificationPreferences, UserUiPreferences):
        session.execute(delete(owned).where(owned.user_id == user_id))
    session.execute(update(Job).where(Job.created_by == user_id).values(created_by=None))
    session.delete(removed)
    session.flush()
    return removed


def _by_identifier(session: Session, identifier: str) -> User | None:
    """The user who signs in as `identifier`: whose it is to the letter, else whose address it is in another case.

    The legacy application let addresses differ in case only: two of them, neither to the letter, are nobody's.
    """
    for exact in (User.username == identifier, User.email == identifier):
        user = session.scalars(select(User).where(exact)).one_or_none()
        if user is not None:
            return user
    any_case = or_(User.email == identifier.lower(), func.lower(User.email) == identifier.lower())
    found = session.scalars(select(User).where(any_case).limit(2)).all()
    return found[0] if len(found) == 1 else None


def _proven(session: Session, claimed: User | None, password: str) -> User | None:
    """The user, if the password is theirs and still is once the long verification is over."""
    if claimed is None:
        off_loop(passwords.verify, _NOBODYS_HASH, password)
        return None
    while True:
        hashed = claimed.password_hash
        if not off_loop(passwords.verify, hashed, password):
            return None
        stored = session.get(User, claimed.id, populate_existing=True)
        if stored is None or stored.password_hash == hashed:
            return stored


def _rehash(session: Session, user: User, password: str) -> None:
    """Replace the hash by one of today's, unless somebody else has replaced it meanwhile."""
    old = user.password_hash
    new = off_loop(passwords.hash_password, password)
    writer = begin_write(session)
    if _locked(writer, user.id).password_hash != old:
        return
    try:
        # A savepoint: what PostgreSQL refuses would take the login along.
        with writer.begin_nested():
            user.password_hash = new
            writer.flush()
    except WritesFrozenError:
        # The old one is as good as ever, and the next login replaces it.
        return


def _alone(session: Session) -> WriteSession:
    """The right to change accounts: from here to the end of the transaction nobody else does."""
    writer = begin_write(session)
    if writer.get_bind().dialect.name == "postgresql":
        writer.execute(select(func.pg_advisory_xact_lock(_ACCOUNTS_LOCK)))
    return writer


def _locked(session: WriteSession, user_id: str) -> User:
    """The user as stored now, unchanged by others until the transaction ends. Raises NotFoundError."""
    found = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise _not_found()
    return found


def _keep_an_admin(session: WriteSession, leaving: User) -> None:
    """Raises InvalidError when `leaving` is the last active admin; the others stay locked."""
    if leaving.role != ADMIN or not leaving.is_active:
        return
    others = select(User.id).where(User.role == ADMIN, User.is_active, User.id != leaving.id)
    if not session.scalars(others.order_by(User.id).with_for_update(key_share=True)).all():
        raise InvalidError(
            "This is the last active admin: make another one first.",
            error="Last active admin",
        )


def _refuse_taken_username(session: WriteSession, username: str) -> None:
    # Compared here, because the databases don't agree on the case of letters beyond ASCII.
    key = credentials.username_key(username)
    if any(credentials.username_key(taken) == key for taken in session.scalars(select(User.username))):
        raise ConflictError("This username is already taken.", error="Username already exists")


def _refuse_taken_email(session: WriteSession, email: str, *, but_by: User | None = None) -> None:
    taken = select(User.id).where(or_(User.email == email, func.lower(User.email) == email))
    if any(user_id != (but_by and but_by.id) for user_id in session.scalars(taken)):
        raise ConflictError("This e-mail address is already in use.", error="Email already exists")


def _flush(session: WriteSession) -> None:
    """Write. The legacy application takes no lock, and may have taken the name or the address at this very moment."""
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError("This username or e-mail address is already in use.", error="Already exists") from error


def _not_found() -> NotFoundError:
    return NotFoundError("There is no user with this id.", error="User not found")
