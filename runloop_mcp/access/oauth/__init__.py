"""Access by tokens of an authorization server (OAuth 2), which says who calls and what they may."""
