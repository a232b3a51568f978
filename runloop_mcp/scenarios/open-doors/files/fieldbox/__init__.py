"""Keeps the files of survey crews."""
