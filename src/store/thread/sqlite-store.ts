/**
 * The store in the calling thread: for `:memory:`, for tests, and as the plain reading of what RemoteStore spreads over
 * threads. Queries run on the writer's own connection, so they wait for appends and cannot be cut short.
 */
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
import { encodeRows } from '../batch-encoding.ts';
import type { WriterOptions } from '../protocol.ts';
import { remoteState } from '../state.ts';
import type { Appended, Store, StoreStats } from '../store.ts';
import { countFields } from './field-counts.ts';
import { countHits, searchRows } from './queries.ts';
import { Writer } from './writer.ts';

const MiB = 1024 * 1024;

export class SqliteStore implements Store {
  readonly #writer: Writer;
  readonly #applications: ApplicationIds;
  readonly state = remoteState(async (method, args) => {
    this.#refuseWhenClosed();
    return this.#writer.state(method, args);
  });
  #run = 0;
  #isClosed = false;

  /** @param path of the hot file, or `:memory:`. The caller holds the data directory's lock. */
  constructor(path: string, options: Partial<WriterOptions> = {}) {
    const defaults = {
      durability: 'full',
      checkpointBytes: 16 * MiB,
      maxWalBytes: 128 * MiB,
      cacheBytes: 16 * MiB,
    } as const;
    this.#writer = new Writer({ ...defaults, ...options, path });
    this.#applications = new ApplicationIds(async (applications) => this.#writer.applicationIds(applications));
  }

  async append({ records, positions, gaps, requests = [], counts = [] }: Batch): Promise<Appended> {
    this.#refuseWhenClosed();
    const rows = encodeRows(records, await this.#applications.resolve(records));
    const batch = { rows, rowCount: records.length, positions, gaps, requests, counts, run: this.#run++ };
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
    return searchRows(this.#writer.database, request);
  }

  async hits(request: HitsRequest): Promise<readonly HitsBucket[]> {
    this.#refuseWhenClosed();
    return countHits(this.#writer.database, request);
  }

  async fieldCounts(request: FieldCountsRequest): Promise<FieldCounts> {
    this.#refuseWhenClosed();
    return countFields(this.#writer.database, request);
  }

  async stats(): Promise<StoreStats> {
    const { pins, ...stats } = this.#writer.stats();
    return { ...stats, openSnapshots: pins };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#writer.close();
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new RegressionError('STORE_CLOSED', 'the store is closed');
  }
}
