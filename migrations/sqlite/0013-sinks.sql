-- Sinks: where each stands. Rows up to `position` (a log id) are done with. While a batch is out, `batch_*` says which rows it has, so that
-- it is sent again unchanged after a crash: upstreams that know a batch by its key or its content store it once.
CREATE TABLE sinks (
  name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  batch_last_id INTEGER,
  batch_rows INTEGER,
  batch_filter TEXT,
  batch_lanes INTEGER,
  delivered_rows INTEGER NOT NULL DEFAULT 0,
  dropped_rows INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;

-- Rows that an upstream refuses for good, in full: the row itself may go to retention. is_due: to be sent once more.
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sink TEXT NOT NULL,
  log_id INTEGER NOT NULL,
  row TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 1,
  is_due INTEGER NOT NULL DEFAULT 0,
  failed_at TEXT NOT NULL
);
CREATE INDEX dead_letters_sink ON dead_letters (sink, is_due);

-- Names this store among others that forward to the same place: with it a row's id is unique everywhere.
INSERT INTO store_state (key, value) VALUES ('origin', lower(hex(randomblob(8))));
