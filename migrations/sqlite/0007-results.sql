-- Answers that AI jobs keep for themselves and each other: a cache, bounded in bytes, with a time to live.
CREATE TABLE results (
  key TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  etag TEXT NOT NULL,
  content_type TEXT NOT NULL,
  body BLOB NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
);
CREATE INDEX results_expires ON results (expires_at);
