"""Django's view of the one table of the product."""

from django.conf import settings
from django.db import models


class Context(models.Model):
    """What an assistant should know before it answers."""

    name = models.CharField(max_length=100, unique=True)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    class Meta:
        """The table was there before FastAPI, so its name is Django's."""

        db_table = "office_context"

    def __str__(self) -> str:
        """As the admin lists it."""
        return self.name
