"""Catalogs: the records of collections, behind the calls of the Arvados API client.

`keepset.catalog.base` says what the object model asks of one; `keepset.catalog.local` keeps the records of a local
store in SQLite.
"""
