/**
 * The store in the calling thread: for `:memory:`, for tests, and as the plain reading of what RemoteStore spreads over
 * threads. Queries run on the writer's own connection, so they wait for appends and cannot be cut short.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Batch, IngestRequest, StoredGap, StoredPosition } from '../../record/batch.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type {
  FieldCounts,
  FieldCountsRequest,
  HitsBucket,
  HitsRequest,
  SearchPage,
  SearchRequest,
} from '../../search/request.ts';
import { ApplicationIds } from '../application-ids.ts';
import { encodedRows } from '../batch-encoding.ts';
import { encodePatterns } from '../pattern-encoding.ts';
import type { PatternExtent, PatternHistory, PatternHistoryRequest, StoredPatterns } from '../patterns.ts';
import type { SqlAnswer, SqlRequest, WriterOptions } from '../protocol.ts';
import type { HotCopy, RemovalReason, Segment } from '../segments.ts';
import { removeStaleAliases } from '../stale-aliases.ts';
import { remoteState } from '../state.ts';
import { defaultLimits } from '../store-limits.ts';
import type { Appended, Store, StoreStats } from '../store.ts';
import { countFields } from './field-counts.ts';
import { copyHot } from './hot-copy.ts';
import { OpenSegments } from './open-segments.ts';
import { patternExtent, patternHistories } from './pattern-history.ts';
import { countHits } from './hit-counts.ts';
import { searchRows } from './queries.ts';
import type { Sources } from './sources.ts';
import { SegmentAnswers } from './segment-answers.ts';
import { sealSegment } from './seal.ts';
import { filesOf } from './sql-files.ts';
import { runSql } from './sql-statement.ts';
import { Writer } from './writer.ts';

export class SqliteStore implements Store {
  readonly #writer: Writer;
  readonly #applications: ApplicationIds;
  readonly #aliasesPath: string;
  readonly #openSegments: OpenSegments;
  readonly #answers = new SegmentAnswers();
  readonly state = remoteState(async (method, args) => {
    this.#refuseWhenClosed();
    return this.#writer.state(method, args);
  });
  #run = 0;
  #isClosed = false;

  /** @param path of the hot file, or `:memory:`. The caller holds the data directory's lock. */
  constructor(path: string, options: Partial<WriterOptions> = {}) {
    this.#writer = new Writer({ ...defaultLimits, ...options, path });
    this.#aliasesPath = join(dirname(path), 'snapshots');
    if (existsSync(this.#aliasesPath)) removeStaleAliases(this.#aliasesPath);
    this.#openSegments = new OpenSegments(this.#aliasesPath);
    this.#applications = new ApplicationIds(async (applications) => this.#writer.applicationIds(applications));
  }

  /** What is beneath: for tests of snapshots and checkpoints, which nobody asks this store for. */
  get writer(): Writer {
    return this.#writer;
  }

  async append({ records, positions, gaps, requests = [], counts = [], patterns }: Batch): Promise<Appended> {
    this.#refuseWhenClosed();
    const { bytes: rows, count: rowCount, applications } = encodedRows(records);
    const ids = await this.#applications.resolve(applications);
    const encoded = {
      rows,
      rowCount,
      applicationIds: JSON.stringify(ids),
      patterns: encodePatterns(patterns, applications, ids),
    };
    const batch = { ...encoded, positions, gaps, requests, counts, run: this.#run++ };
    return this.#writer.append(batch);
  }

  async positions(): Promise<readonly StoredPosition[]> {
    return this.#writer.positions();
  }

  async gaps(): Promise<readonly StoredGap[]> {
    return this.#writer.gaps();
  }

  async findRequest(key: string): Promise<IngestRequest | null> {
    this.#refuseWhenClosed();
    return this.#writer.findRequest(key);
  }

  async search(request: SearchRequest): Promise<SearchPage> {
    this.#refuseWhenClosed();
    return searchRows(this.#sources(), request);
  }

  async hits(request: HitsRequest): Promise<readonly HitsBucket[]> {
    this.#refuseWhenClosed();
    return countHits(this.#sources(), request);
  }

  async rotate(): Promise<Segment | null> {
    this.#refuseWhenClosed();
    const segment = await this.#writer.rotate();
    this.#openSegments.keepOnly(this.#writer.segments);
    return segment;
  }

  async segments(): Promise<readonly Segment[]> {
    this.#refuseWhenClosed();
    return this.#writer.segments;
  }

  async removeSegments(firstIds: readonly number[], reason: RemovalReason): Promise<void> {
    this.#refuseWhenClosed();
    this.#writer.removeSegments(firstIds, reason);
    this.#openSegments.keepOnly(this.#writer.segments);
    this.#answers.keepOnly(this.#writer.segments);
  }

  async copyHot(path: string): Promise<HotCopy> {
    this.#refuseWhenClosed();
    return copyHot(this.#writer.database, this.#writer.segments, path);
  }

  /** Seals in the calling thread, which then does nothing else. */
  async sealed(): Promise<void> {
    this.#refuseWhenClosed();
    for (const segment of this.#writer.segments) {
      if (segment.state === 'closed') this.#writer.segmentSealed(sealSegment(segment, dirname(segment.path), Date.now));
    }
    this.#openSegments.keepOnly(this.#writer.segments);
  }

  async fieldCounts(request: FieldCountsRequest): Promise<FieldCounts> {
    this.#refuseWhenClosed();
    return countFields(this.#sources(), request);
  }

  async patternHistories(requests: readonly PatternHistoryRequest[]): Promise<readonly PatternHistory[]> {
    this.#refuseWhenClosed();
    return patternHistories(this.#writer.database, requests);
  }

  async patternExtent(request: PatternHistoryRequest): Promise<PatternExtent | null> {
    this.#refuseWhenClosed();
    return patternExtent(this.#writer.database, request);
  }

  async patterns(): Promise<StoredPatterns> {
    this.#refuseWhenClosed();
    return this.#writer.patterns();
  }

  async sql(request: SqlRequest): Promise<SqlAnswer> {
    this.#refuseWhenClosed();
    return runSql(this.#writer.database, request, filesOf(this.#writer.segments, request), {
      range: request,
      aliases: join(this.#aliasesPath, 'sql'),
      outsideTransaction: (work) => work(),
    });
  }

  async stats(): Promise<StoreStats> {
    const { pins, ...stats } = this.#writer.stats();
    return { ...stats, openSnapshots: pins };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#openSegments.close();
    this.#writer.close();
  }

  #sources(): Sources {
    return {
      hot: this.#writer.database,
      segments: this.#writer.segments,
      open: (segment) => this.#openSegments.get(segment),
      answers: this.#answers,
    };
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new RegressionError('STORE_CLOSED', 'the store is closed');
  }
}
