"""The shapes of runs that somebody asks for, and of targets that somebody tries."""

from typing import Annotated, Any, Protocol, Self

from pydantic import Field, SecretStr

from cronjobs.services.calls import Claim, Overrides
from cronjobs.services.targets import Named, text
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer


class TargetFields(Body):
    """A target, as a client names it."""

    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None

    def named(self) -> Named:
        """What was mentioned of the target."""
        return {
            "target_url": self.target_url,
            "github_owner": self.github_owner,
            "github_repo": self.github_repo,
            "github_workflow_name": self.github_workflow_name,
        }


class RunOverrides(TargetFields):
    """What a run that is asked for does differently, this once. Blank is as the job says."""

    metadata: dict[str, Any] | None = None
    dispatch_url: str | None = None
    github_token: SecretStr | None = None
    """Used for this run, then forgotten."""

    def overrides(self) -> Overrides:
        """What was mentioned."""
        token = None if self.github_token is None else text(self.github_token.get_secret_value())
        return Overrides(
            metadata=self.metadata,
            target_url=text(self.target_url),
            github_owner=text(self.github_owner),
            github_repo=text(self.github_repo),
            github_workflow_name=text(self.github_workflow_name),
            dispatch_url=text(self.dispatch_url),
            github_token=None if token is None else SecretStr(token),
        )


class TriggeredRun(Answer):
    """A run that was asked for, and how it went."""

    message: str
    job_id: str
    execution_id: str
    status: str

    @classmethod
    def of(cls, claim: Claim, status: str) -> Self:
        """The answer of `execute`."""
        return cls(
            message="Job triggered successfully", job_id=claim.job_id, execution_id=claim.execution_id, status=status
        )


class TrialRequest(TargetFields):
    """A target to try."""

    metadata: dict[str, Any] | None = None
    timeout_seconds: Annotated[float, Field(ge=1, le=30)] = 10


class Trial(Protocol):
    """What the scheduler says of a target that was tried."""

    @property
    def ok(self) -> bool: ...
    @property
    def type(self) -> str: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def message(self) -> str: ...


class TrialAnswer(Answer):
    """What came of trying a target."""

    ok: bool
    type: str
    message: str


class AnsweredTrial(TrialAnswer):
    """A target that answered, whatever it said."""

    status_code: int


class FailedTrial(TrialAnswer):
    """A target that did not answer."""

    error: str


def trial_answer(trial: Trial) -> AnsweredTrial | FailedTrial:
    """The answer of `test-run`."""
    if trial.status_code is not None:
        return AnsweredTrial(ok=trial.ok, type=trial.type, message=trial.message, status_code=trial.status_code)
    return FailedTrial(ok=trial.ok, type=trial.type, message=trial.message, error=trial.error or trial.message)
