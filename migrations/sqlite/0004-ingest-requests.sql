-- Requests that carried an Idempotency-Key; a key commits in the transaction of the rows it stands for, so that a repetition
-- stores nothing. body_digest tells a repetition from another request under the same key. Forgotten after a day.
CREATE TABLE ingest_requests (
  request_key TEXT PRIMARY KEY,
  body_digest TEXT NOT NULL,
  received_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ingest_requests_received_at ON ingest_requests (received_at);
