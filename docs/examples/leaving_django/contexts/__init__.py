"""What assistants should know before they answer, on FastAPI. It stays when Django goes."""
