"""The analyses of stored networks: single elements, transfer and verification. Stored results are reused."""
