-- What was counted of generations whose positions have been forgotten (files long gone), summed up: rows on disk are still held against
-- all that was stored. One row.
CREATE TABLE forgotten_generations (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  generations INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  rows INTEGER NOT NULL
);
INSERT INTO forgotten_generations VALUES (1, 0, 0, 0);
