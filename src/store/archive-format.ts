/** The forms that an archived segment can have, and the ends of their files' names. */
export const archiveFormats = ['sqlite.zst', 'ndjson.zst', 'parquet'] as const;
export type ArchiveFormat = (typeof archiveFormats)[number];
