"""Recorded messages sent again, in order, each answer checked. Shell."""
