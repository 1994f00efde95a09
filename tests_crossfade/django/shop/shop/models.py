"""Django's side."""

from django.db import models


class Item(models.Model):
    """Something to sell."""

    name = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()
    on = models.DateField(null=True)
    paid = models.BooleanField(default=False)

    def __str__(self):
        return self.name
