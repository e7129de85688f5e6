"""Measurements behind `make bench`; none of them is a test, all of them print ratios taken in one run."""
