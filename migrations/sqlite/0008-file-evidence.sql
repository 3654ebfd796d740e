-- What tells file generations apart beside inode and head, and what was stored of each: `verify --sources` counts against it.
ALTER TABLE file_positions ADD COLUMN start_offset INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_positions ADD COLUMN lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_positions ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_positions ADD COLUMN evidence TEXT; -- JSON, FileEvidence of src/record/batch.ts
