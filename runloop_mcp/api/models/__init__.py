"""The models of the wire, one module for each noun."""
