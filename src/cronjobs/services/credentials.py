"""What a username, an e-mail address and a password may look like.

Each rule returns the value as it is stored, or raises ValueError with a sentence that does not repeat it. Whether a
name is free is left to `accounts`.
"""

import unicodedata

from email_validator import EmailNotValidError, validate_email

SHORTEST_USERNAME, LONGEST_USERNAME = 3, 80
LONGEST_EMAIL = 120
SHORTEST_PASSWORD = 6
LONGEST_PASSWORD = 4096
"""Characters: what passlib allowed, so that every password that the legacy application took still signs in."""

_PRIVATE_NETWORKS = frozenset({"internal", "local", "localhost", "test"})
_STAND_IN = ".example"


def username(text: str) -> str:
    """A username: 3 to 80 letters of any script, digits and `. _ -`, kept as written."""
    if not SHORTEST_USERNAME <= len(text) <= LONGEST_USERNAME:
        raise ValueError(f"a username has {SHORTEST_USERNAME} to {LONGEST_USERNAME} characters")
    if not all(_names(character) for character in text) or unicodedata.category(text[0]).startswith("M"):
        raise ValueError("a username is made of letters, digits, dots, underscores and hyphens")
    return text


def username_key(text: str) -> str:
    """What two usernames have in common that differ in case or in the encoding of an accent only."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def email(text: str) -> str:
    """An e-mail address whose syntax is right, in lower case; nobody is asked whether it can be reached."""
    text = text.strip()
    # The validator refuses names of private networks, because the world can't reach them. People inside can.
    private = text.rpartition("@")[2].rpartition(".")[2].lower() in _PRIVATE_NETWORKS
    try:
        found = validate_email(text + _STAND_IN * private, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError("this is not a valid e-mail address") from error
    address = found.normalized.removesuffix(_STAND_IN * private).lower()
    if len(address) > LONGEST_EMAIL:
        raise ValueError(f"an e-mail address has at most {LONGEST_EMAIL} characters")
    return address


def password(text: str) -> str:
    """A new password: 6 characters or more, as typed."""
    if len(text) < SHORTEST_PASSWORD:
        raise ValueError(f"a password has at least {SHORTEST_PASSWORD} characters")
    if len(text) > LONGEST_PASSWORD:
        raise ValueError(f"a password has at most {LONGEST_PASSWORD} characters")
    return text


def _names(character: str) -> bool:
    """Whether a character may be part of a username.

    Many scripts write vowels as marks on a letter; but the marks that show nothing would make two names look the same.
    """
    if character in "._-":
        return True
    match unicodedata.category(character):
        case "Lu" | "Ll" | "Lt" | "Lm" | "Lo" | "Nd":
            return True
        case "Mn" | "Mc":
            name = unicodedata.name(character, "")
            return not any(word in name for word in ("VARIATION SELECTOR", "JOINER", "INHERENT"))
        case _:
            return False
