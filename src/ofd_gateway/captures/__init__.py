"""Recorded traffic: capture files and journals to messages, messages to capture files; rewriting and comparing. Pure.

Reading: savefile, packets, reassembly, splitter, conversations, journal, recording; reading and opened say what bytes
are. Writing: synthesis, pcapng, journal. Working with what was read: rewriting, comparison.
"""
