-- What `create_tables` makes in ClickHouse, from release 18 on. A row is known by (origin, id): what is sent again replaces itself when parts
-- are merged, and at once with FINAL. For clusters, TTL and DateTime64 see docs/scaling.md.
CREATE TABLE IF NOT EXISTS {table} (
  id UInt64,
  timestamp String,
  severity String,
  application String,
  version String,
  environment String,
  source String,
  message String,
  metadata Nested (type String, value String),
  origin String,
  date Date DEFAULT toDate(substring(timestamp, 1, 10))
) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(date) ORDER BY (application, timestamp, origin, id);

-- The metadata as the rows that it is in SQLite.
CREATE VIEW IF NOT EXISTS {table}_metadata AS
SELECT origin, id AS log_id, metadata.type AS metadata_type, metadata.value AS metadata_value, version AS app_version
FROM {table} ARRAY JOIN metadata;
