"""The tables: plain SQLAlchemy models that both stacks, the scheduler and the scripts share."""

from cronjobs.models.attempts import LoginAttempts
from cronjobs.models.audit import AuditEvent
from cronjobs.models.base import Base, metadata
from cronjobs.models.executions import JobExecution
from cronjobs.models.jobs import Job
from cronjobs.models.notifications import Notification
from cronjobs.models.scheduling import SchedulerControl, SchedulerNode, UpkeepClaim
from cronjobs.models.slack import SlackSettings
from cronjobs.models.taxonomies import JobCategory, PicTeam
from cronjobs.models.tokens import RevokedToken
from cronjobs.models.users import User, UserNotificationPreferences, UserUiPreferences

__all__ = [
    "AuditEvent",
    "Base",
    "Job",
    "JobCategory",
    "JobExecution",
    "LoginAttempts",
    "Notification",
    "PicTeam",
    "RevokedToken",
    "SchedulerControl",
    "SchedulerNode",
    "SlackSettings",
    "UpkeepClaim",
    "User",
    "UserNotificationPreferences",
    "UserUiPreferences",
    "metadata",
]
