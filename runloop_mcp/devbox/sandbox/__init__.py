"""The local driver: namespaces, overlays and a supervisor that stays inside."""
