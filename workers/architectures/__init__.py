"""Architectures and their removable structures; creating, loading and measuring networks."""
