"""The keys of a server over HTTP, and the tokens that it signs, in a file of their own."""
