"""Django's settings; which database is for each run to say."""

import json
import os

SECRET_KEY = "of no use"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": json.loads(os.environ["SHOP_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = False
