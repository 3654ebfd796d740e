-- Segments that tasks have taken out of the store, and why: rows live + removed = rows ever stored. A segment that is still on disk
-- when its row is here was being removed when the process ended.
CREATE TABLE removed_segments (
  first_id INTEGER PRIMARY KEY,
  last_id INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  min_timestamp TEXT NOT NULL,
  max_timestamp TEXT NOT NULL,
  reason TEXT NOT NULL,
  removed_at TEXT NOT NULL,
  restored_at TEXT -- when it was brought back
);
