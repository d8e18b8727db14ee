"""Measures how fast a network infers by several runtimes, and writes a report about it."""
