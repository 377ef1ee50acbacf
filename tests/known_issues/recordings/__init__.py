"""Recordings and files that go in, and results that come out."""
