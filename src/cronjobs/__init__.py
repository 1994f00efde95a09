"""cronjobs."""
