"""The analyses of stored networks: single elements, transfer and robustness. They compute results, but store none."""
