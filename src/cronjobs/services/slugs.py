"""Slugs: what jobs call a category or a team, made of its name.

`Prod/Canary` becomes `prod-canary`: small letters and digits of ASCII, hyphens between the words. Letters with accents
lose them; those of scripts that ASCII has nothing for are left out. Whether a slug is free is left to `taxonomies`.
"""

import re
import unicodedata

LONGEST = 100

# Letters that Unicode doesn't take apart into one of ASCII and an accent.
_SPELLED = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "\u0131": "i",
        "'": "",
        "\u2019": "",
    }
)
_BETWEEN = re.compile(r"[^a-z0-9]+")


def of(name: str) -> str | None:
    """The slug of a name, cut at 100 characters; None if nothing of the name can be in one."""
    return _slug(name)[:LONGEST].rstrip("-") or None


def given(text: str) -> str | None:
    """A slug as somebody wrote it, in its proper form; None for blanks. Raises ValueError, without repeating it."""
    if not text.strip():
        return None
    slug = _slug(text)
    if not slug:
        raise ValueError("a slug is made of the letters a to z, digits and hyphens")
    if len(slug) > LONGEST:
        raise ValueError(f"a slug has at most {LONGEST} characters")
    return slug


def _slug(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_SPELLED)).lower()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _BETWEEN.sub("-", plain).strip("-")
