"""Standard Webhooks (www.standardwebhooks.com): headers by which a target knows a repeat, and whom a call comes from.

The id is the run's and the same on every attempt. The signature is made over the very bytes that are sent.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from cronjobs.settings import signing_key


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is said of a call in its headers."""

    id: str
    attempt: int
    sent_at: datetime
    secret: SecretStr | None
    """WEBHOOK_SECRET; without one nothing is signed."""

    def headers(self, body: bytes, *, signed: bool) -> dict[str, str]:
        """The headers for a request with this body."""
        timestamp = str(int(self.sent_at.timestamp()))
        said = {"webhook-id": self.id, "webhook-timestamp": timestamp, "webhook-attempt": str(self.attempt)}
        if signed and self.secret is not None:
            said["webhook-signature"] = signature(self.secret, f"{self.id}.{timestamp}.".encode() + body)
        return said


def signature(secret: SecretStr, content: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the HMAC-SHA256 of `id.timestamp.body`, in base64."""
    digest = hmac.new(signing_key(secret.get_secret_value()), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
