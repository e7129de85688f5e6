"""The parts that `app` puts together: each function makes one of them from the settings and what it needs."""
