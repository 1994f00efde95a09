"""The steps of the museum's schema."""
