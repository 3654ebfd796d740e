-- What the messages say (src/pattern): the patterns of each application, and roll-ups that outlive the rows.

-- id: 16 hexadecimal digits of SHA-256 over the template. learned: JSON list of places whose variable was learned from different words.
-- merged_into: number of the pattern this one is an alias of. exemplar: its first message, cut, kept when the row has gone.
CREATE TABLE patterns (
  number INTEGER PRIMARY KEY,
  application TEXT NOT NULL,
  id TEXT NOT NULL,
  template TEXT NOT NULL,
  learned TEXT NOT NULL,
  merged_into INTEGER,
  first_seen TEXT NOT NULL,
  exemplar TEXT NOT NULL,
  UNIQUE (application, id)
);

-- minute: minutes since 1970 UTC; what is older is folded into hours (src/store/thread/pattern-rows.ts). exemplar_id: one of the rows.
CREATE TABLE pattern_counts (
  minute INTEGER NOT NULL,
  pattern INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  severity TEXT NOT NULL,
  count INTEGER NOT NULL,
  exemplar_id INTEGER NOT NULL,
  PRIMARY KEY (minute, pattern, application_id, severity)
) WITHOUT ROWID;

-- Values of a pattern's variables, by release, while they are few. place: of the word in the template.
CREATE TABLE pattern_values (
  pattern INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  value TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_seen TEXT NOT NULL,
  PRIMARY KEY (pattern, application_id, place, value)
) WITHOUT ROWID;

-- minimum, maximum: of a sample of the values that are numbers.
CREATE TABLE pattern_slots (
  pattern INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  is_many INTEGER NOT NULL,
  minimum REAL,
  maximum REAL,
  PRIMARY KEY (pattern, application_id, place)
) WITHOUT ROWID;
