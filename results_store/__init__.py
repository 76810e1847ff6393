"""The store: results, networks, scores and the Parquet tables, in a folder or a bucket."""

from prunesweep.results_store.errors import NotStored, StoreError
from prunesweep.results_store.store import Store, StoreLike, existing_store, open_store

__all__ = ["NotStored", "Store", "StoreError", "StoreLike", "existing_store", "open_store"]
