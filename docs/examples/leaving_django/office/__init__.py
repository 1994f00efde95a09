"""Django's part: models, the admin, users. It goes as a whole."""
