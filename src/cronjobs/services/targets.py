"""What a job calls: a web address, or a GitHub workflow; one of the two.

The rule of both kinds: `target_url` makes a webhook job, `github_repo` with `github_workflow_name` a GitHub job; naming
both at once is refused, and an owner alone names neither. Whether an address may be reached is asked when it is called.
"""

import re
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlsplit

from cronjobs.models import Job
from cronjobs.services import errors

FIELDS = ("target_url", "github_owner", "github_repo", "github_workflow_name")

_OWNER = re.compile(r"[A-Za-z0-9_-]+")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+")
_WORKFLOW = re.compile(r"[^/\\]+\.ya?ml", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Named(TypedDict, total=False):
    """The fields of a target as somebody wrote them; a missing key was not mentioned, None and blanks are empty."""

    target_url: str | None
    github_owner: str | None
    github_repo: str | None
    github_workflow_name: str | None


@dataclass(frozen=True)
class Target:
    """Exactly one of a web address and a workflow; the other's fields are None."""

    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None

    @property
    def is_webhook(self) -> bool:
        """Whether this is a web address."""
        return self.target_url is not None


class MissingTargetError(errors.InvalidError):
    """A target that is not there, or lacks a part; `fields` are the missing ones."""

    title = "Missing required fields"

    def __init__(self, fields: list[str], message: str) -> None:
        """`message` says what a target is made of."""
        super().__init__(message, missing_fields=fields)
        self.fields = fields


def named(wanted: Named, *, default_owner: str | None) -> Target:
    """The target that a new job names. Raises MissingTargetError, or InvalidError for a part that can't be used."""
    _one_kind(wanted)
    url = text(wanted.get("target_url"))
    if url is not None:
        return Target(target_url=web_address(url))
    return _workflow(wanted, Target(), default_owner=default_owner)


def renamed(wanted: Named, job: Job, *, default_owner: str | None) -> Target | None:
    """The target of a job after a change; None if it stays. Naming the other kind replaces the target.

    What is stored and not mentioned is not checked again: legacy rows hold what they hold.
    """
    _one_kind(wanted)
    url = text(wanted.get("target_url"))
    if url is not None:
        return Target(target_url=web_address(url))
    left = Target(
        target_url=None if "target_url" in wanted else job.target_url,
        github_owner=job.github_owner,
        github_repo=job.github_repo,
        github_workflow_name=job.github_workflow_name,
    )
    if left.target_url is not None and not _names_workflow(wanted):
        only_owner = wanted.keys() & set(FIELDS) == {"github_owner"}
        return None if only_owner else Target(target_url=left.target_url)
    return _workflow(wanted, left, default_owner=default_owner)


def web_address(value: str, *, field: str = "target_url") -> str:
    """An http or https address without credentials. Raises InvalidError, which does not repeat it."""
    problem = _address_problem(value)
    if problem:
        raise errors.InvalidError(f"{field}: {problem}.", error=f"Invalid {field}")
    return value


def owner_name(value: str) -> str:
    """A GitHub owner. Raises InvalidError."""
    if not _OWNER.fullmatch(value):
        raise _invalid("github_owner", "a GitHub owner is made of letters, digits, hyphens and underscores")
    return value


def repository_name(value: str) -> str:
    """A GitHub repository, without its owner. Raises InvalidError."""
    if not _REPOSITORY.fullmatch(value) or ".." in value or value == ".":
        raise _invalid("github_repo", "a GitHub repository is made of letters, digits, '.', '-' and '_', without '..'")
    return value


def workflow_name(value: str) -> str:
    """The file name of a workflow. Raises InvalidError."""
    if not _WORKFLOW.fullmatch(value) or ".." in value or _CONTROL.search(value):
        raise _invalid("github_workflow_name", "a workflow is a file name that ends in .yml or .yaml, without a path")
    return value


def repository(owner: str | None, repo: str) -> tuple[str | None, str]:
    """Owner and repository; the repository may be written `owner/repo`, the owner then must be the same or none."""
    first, slash, rest = repo.partition("/")
    if not slash:
        return (None if owner is None else owner_name(owner)), repository_name(repo)
    if owner is not None and owner.casefold() != first.casefold():
        raise _invalid("github_repo", "it names another owner than github_owner does")
    return owner_name(first), repository_name(rest)


def text(value: str | None) -> str | None:
    """Trimmed text; None for nothing but blanks."""
    return (value or "").strip() or None


def _one_kind(wanted: Named) -> None:
    if text(wanted.get("target_url")) and _names_workflow(wanted):
        raise errors.InvalidError(
            "A job has one target: give target_url, or github_repo and github_workflow_name, not both.",
            error="Invalid target",
        )


def _names_workflow(wanted: Named) -> bool:
    return bool(text(wanted.get("github_repo")) or text(wanted.get("github_workflow_name")))


def _workflow(wanted: Named, left: Target, *, default_owner: str | None) -> Target:
    """The workflow of what is wanted over what is left; the parts that are wanted are checked."""
    repo = text(wanted["github_repo"]) if "github_repo" in wanted else left.github_repo
    workflow = text(wanted["github_workflow_name"]) if "github_workflow_name" in wanted else left.github_workflow_name
    owner = text(wanted["github_owner"]) if "github_owner" in wanted else None
    if not repo and not workflow:
        raise MissingTargetError(
            ["target_url"], "A job needs a target: target_url, or github_repo and github_workflow_name."
        )
    if repo and text(wanted.get("github_repo")):
        owner, repo = repository(owner, repo)
    elif owner is not None:
        owner = owner_name(owner)
    if owner is None and "github_owner" not in wanted:
        owner = left.github_owner
    owner = owner or text(default_owner)
    if text(wanted.get("github_workflow_name")):
        workflow = workflow_name(workflow or "")
    parts = {"github_owner": owner, "github_repo": repo, "github_workflow_name": workflow}
    missing = [field for field, value in parts.items() if not value]
    if missing:
        raise MissingTargetError(missing, f"A GitHub job needs {', '.join(missing)} too.")
    return Target(github_owner=owner, github_repo=repo, github_workflow_name=workflow)


def _address_problem(value: str) -> str | None:
    if _UNPRINTABLE.search(value) or "\\" in value:
        return "an address holds no blanks, backslashes or control characters"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "this is no web address; write one like https://example.com/hook"
    if parts.scheme not in {"http", "https"}:
        return "the address must begin with http:// or https://"
    if "@" in parts.netloc:
        return "an address must not carry a user name or a password"
    if not parts.hostname or port == 0:
        return "the address names no host; write one like https://example.com/hook"
    return None


def _invalid(field: str, rule: str) -> errors.InvalidError:
    return errors.InvalidError(f"{field}: {rule}.", error=f"Invalid {field}")
