-- A line belongs to the patterns of its application and source (src/pattern/miner.ts): the first sources of an application learn apart,
-- the others, and what was learned before this migration, share the source ''.
CREATE TABLE patterns_by_source (
  number INTEGER PRIMARY KEY,
  application TEXT NOT NULL,
  id TEXT NOT NULL,
  template TEXT NOT NULL,
  learned TEXT NOT NULL,
  merged_into INTEGER,
  first_seen TEXT NOT NULL,
  exemplar TEXT NOT NULL,
  source TEXT NOT NULL,
  UNIQUE (application, source, id)
);
INSERT INTO patterns_by_source
SELECT number, application, id, template, learned, merged_into, first_seen, exemplar, '' FROM patterns;
DROP TABLE patterns;
ALTER TABLE patterns_by_source RENAME TO patterns;

-- What the last batches added, committed with their rows; folded into pattern_counts and pattern_values every few batches, and by whoever
-- reads (src/store/thread/pending-patterns.ts). counts: 32-bit integers, see src/store/pattern-encoding.ts. values: JSON. first_id: the
-- batch's first row.
CREATE TABLE pattern_pending (
  id INTEGER PRIMARY KEY,
  first_id INTEGER NOT NULL,
  counts BLOB NOT NULL,
  "values" TEXT NOT NULL
);
