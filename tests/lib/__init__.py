"""Helpers and fixtures that several folders share. Helpers build and start things; they never assert."""
