"""The analyses of stored networks: find what is missing, make it, store it, read it."""
