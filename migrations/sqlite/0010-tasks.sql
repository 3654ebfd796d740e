-- How the last run of each task ended; a missed run is told by scheduled_at, the time it was due (or the task was first seen).
CREATE TABLE task_runs (
  name TEXT PRIMARY KEY,
  scheduled_at TEXT,
  started_at TEXT,
  finished_at TEXT,
  is_ok INTEGER,
  message TEXT,
  details TEXT, -- JSON
  last_ok_at TEXT
) WITHOUT ROWID;
