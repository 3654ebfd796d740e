-- The four tables of the persistence design, names and columns as given there, and what the daemon itself must remember.

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'viewer', 'datasource')),
  created_at TEXT NOT NULL
);

-- One row a release: name, version and environment together name an application.
CREATE TABLE applications (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  version TEXT,
  environment TEXT,
  owner_user_id INTEGER REFERENCES users (id),
  created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX applications_identity ON applications (name, ifnull(version, ''), ifnull(environment, ''));

-- timestamp: ISO 8601 UTC, always 27 characters with microseconds, so that text order is time order.
-- severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
CREATE TABLE logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  timestamp TEXT NOT NULL,
  severity TEXT NOT NULL,
  application_id INTEGER NOT NULL REFERENCES applications (id),
  source TEXT NOT NULL,
  message TEXT NOT NULL
);
CREATE INDEX logs_timestamp ON logs (timestamp);
CREATE INDEX logs_application_severity ON logs (application_id, severity);

-- id = log_id * 1024 + place of the pair in its entry (0..1023): the metadata of a log is a range of ids, found without an
-- index on log_id. app_version: the application's version when the entry was written.
CREATE TABLE logs_metadata (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  log_id INTEGER NOT NULL REFERENCES logs (id),
  metadata_type TEXT NOT NULL,
  metadata_value TEXT NOT NULL,
  app_version TEXT
);
-- The index logs_metadata_type_value is built when a segment is sealed (src/store/thread/seal.ts): kept live it would make
-- inserting four times slower.

-- What the store must remember of itself. hot_since: when this file began, for rotation by age.
CREATE TABLE store_state (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Damaged files that were set aside, and what it cost. lost_rows: NULL when nobody can tell.
CREATE TABLE store_damage (
  found_at TEXT NOT NULL,
  set_aside_as TEXT NOT NULL,
  reason TEXT NOT NULL,
  salvaged_rows INTEGER NOT NULL,
  lost_rows INTEGER
);

-- How far each generation of a followed file has been read; moves in the transaction of the rows it stands behind.
CREATE TABLE file_positions (
  generation TEXT PRIMARY KEY,
  path TEXT NOT NULL,
  device TEXT NOT NULL,
  inode TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  fingerprint_bytes INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  is_ended INTEGER NOT NULL,
  first_seen_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;

-- Bytes of a file generation that are known to be lost.
CREATE TABLE gaps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  generation TEXT NOT NULL,
  path TEXT NOT NULL,
  start_offset INTEGER NOT NULL,
  end_offset INTEGER,
  reason TEXT NOT NULL,
  found_at TEXT NOT NULL
);
