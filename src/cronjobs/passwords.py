"""How passwords are hashed: Argon2id for new ones, passlib's `$pbkdf2-sha256$` still verified.

Hashing costs tens of milliseconds by design: call it off the event loop (`crossfade.database.sessions.off_loop`).
"""

import base64
import binascii
import hashlib
import hmac

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_PBKDF2 = "$pbkdf2-sha256$"


def hash_password(text: str) -> str:
    """The Argon2id hash of a password, in the encoded form that carries its own parameters."""
    return PasswordHasher().hash(text)


def verify(hashed: str, text: str) -> bool:
    """Whether `text` is the password behind `hashed`; False, too, for a hash of an unknown scheme."""
    if hashed.startswith(_PBKDF2):
        return _verify_pbkdf2(hashed, text)
    try:
        return PasswordHasher().verify(hashed, text)
    except (InvalidHashError, VerificationError):
        return False


def needs_rehash(hashed: str) -> bool:
    """Whether a login should replace the hash: another scheme, or weaker parameters than today's."""
    return not hashed.startswith("$argon2id$") or PasswordHasher().check_needs_rehash(hashed)


def _verify_pbkdf2(hashed: str, text: str) -> bool:
    """Passlib's modular crypt format: `$pbkdf2-sha256$rounds$salt$checksum`, both in its own base64."""
    try:
        rounds, salt, checksum = hashed.removeprefix(_PBKDF2).split("$")
        expected = _adapted_base64(checksum)
        actual = hashlib.pbkdf2_hmac("sha256", text.encode(), _adapted_base64(salt), int(rounds))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(actual, expected)


def _adapted_base64(text: str) -> bytes:
    """Decode passlib's "adapted base64": `.` for `+`, no padding."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)
