"""Objects: files that are uploaded once and then stay as they are."""
