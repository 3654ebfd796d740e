-- A named reader: rows up to `position` (a log id) are done with. While a batch is out, `batch_*` says which: it comes again
-- unchanged until it is acknowledged, each time under a lease, at most `max_deliver` times; then it is parked.
CREATE TABLE consumers (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  filter TEXT NOT NULL,
  ack_wait_ms INTEGER NOT NULL,
  max_deliver INTEGER NOT NULL,
  position INTEGER NOT NULL,
  batch_id TEXT,
  batch_first_id INTEGER,
  batch_last_id INTEGER,
  batch_rows INTEGER,
  batch_gap_first_id INTEGER,
  batch_gap_last_id INTEGER,
  batch_deliveries INTEGER,
  lease_until_ms INTEGER,
  acked_batch_id TEXT,
  acked_rows INTEGER NOT NULL DEFAULT 0,
  parked_batches INTEGER NOT NULL DEFAULT 0,
  lost_ids INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;

-- Batches given up after `max_deliver` deliveries: which rows nobody acknowledged.
CREATE TABLE consumer_parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  consumer TEXT NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  parked_at TEXT NOT NULL
);
CREATE INDEX consumer_parked_consumer ON consumer_parked (consumer);
