"""The Flask stack: blueprints over the shared services, under `/api`.

flask --app cronjobs.flask_app run
gunicorn 'cronjobs.flask_app:create_app()'
"""

from cronjobs.flask_app.factory import create_app

__all__ = ["create_app"]
