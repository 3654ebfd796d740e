/**
 * Finds the pattern of every record on its way into the store, and says what each batch adds: new patterns, merges, counts by release,
 * severity and minute, values of variables. Records are looked at one by one, as they come; none is kept.
 *
 * What one program logs into one place never changes how other messages are grouped: each source of an application has a tree of its own
 * (miner-trees.ts). Its answers are committed with the rows they count (commit-queue.ts), so counts and rows never differ. Nothing here
 * knows the store.
 */
import { ApplicationPlaces } from '../record/application-places.ts';
import type { Application, LogRecord } from '../record/log-record.ts';
import type {
  AddedPattern,
  MergedPattern,
  PatternChanges,
  PatternSlot,
  PatternValue,
} from '../record/pattern-changes.ts';
import { severityRank } from '../record/severity.ts';
import { BatchCounts } from './batch-counts.ts';
import { Masker } from './mask.ts';
import { type KnownPattern, type MinedTree, type MinerOptions, MinerTrees } from './miner-trees.ts';
import { PatternBook } from './pattern-book.ts';
import type { SlotValues } from './slot-values.ts';
import type { Template } from './template-tree.ts';

/** Releases of patterns whose values are remembered; past it they are learned anew. */
const maxTracked = 20_000;
const maxExemplarLength = 1000;
/** Of a timestamp: up to its minute. */
const minuteLength = 16;

export class PatternMiner {
  readonly #masker = new Masker();
  readonly #trees: MinerTrees;
  readonly #tracked = new Set<PatternBook>();
  #trackedCount = 0;
  readonly #counts = new BatchCounts();
  /** Of this batch. */
  #releases = new ApplicationPlaces();
  /** Those of this batch that have something to tell. */
  #changed: { readonly pattern: number; readonly application: Application; readonly slots: SlotValues }[] = [];
  #seen = 0;
  #merged: MergedPattern[] = [];
  #added: AddedPattern[] = [];
  /** The record that is looked at: what is new or merged was seen in it first. */
  #current: LogRecord | null = null;
  #lastNumber: number;
  #minuteText = '';
  #minute = 0;

  /**
   * @param known patterns of earlier runs, those merged into others left out.
   * @param lastNumber the highest that was ever given to a pattern.
   */
  constructor(options: MinerOptions, known: readonly KnownPattern[] = [], lastNumber = 0) {
    this.#lastNumber = lastNumber;
    this.#trees = new MinerTrees(options, {
      onNew: (tree, template) => this.#tell(tree, template),
      onMerged: (from, into, learned) => {
        this.#merged.push({ number: from.number, into: into.number, learned: [...learned] });
        if (this.#tracked.delete(from)) this.#trackedCount -= from.forgetValues();
      },
    });
    for (const pattern of known) this.#trees.restore(pattern, new PatternBook(pattern.number));
  }

  /** Patterns of all applications. */
  get size(): number {
    return this.#trees.size;
  }

  /** All records of a batch at once; null when there are none. */
  observe(records: readonly LogRecord[]): PatternChanges | null {
    for (const record of records) this.look(record);
    return this.takeChanges();
  }

  /** Looks at the next record of the batch. */
  look(record: LogRecord): void {
    const { application, message, severity, timestamp } = record;
    this.#current = record;
    const tree = this.#trees.of(application.name, record.source);
    const template = tree.tree.match(this.#masker.mask(message));
    const book = template.own ?? this.#tell(tree, template);
    const release = this.#releases.of(application);
    this.#counts.add(this.#minuteOf(timestamp), book.number, release, severityRank(severity), this.#seen++);
    this.#current = null;
    if (template === tree.tree.catchAll) return;
    const slots = book.valuesOf(application) ?? this.#track(book, application, template);
    if (slots.observe(this.#masker, message, timestamp)) {
      this.#changed.push({ pattern: book.number, application, slots });
    }
  }

  /** What the records since the last call add, as one batch; null when there were none. */
  takeChanges(): PatternChanges | null {
    if (this.#seen === 0) return null;
    const values: PatternValue[] = [];
    const slots: PatternSlot[] = [];
    for (const { pattern, application, slots: changed } of this.#changed) {
      for (const { place, range, values: told } of changed.takeChanges()) {
        for (const value of told) values.push({ pattern, place, ...value, application });
        if (range !== null) slots.push({ pattern, place, ...range, application });
      }
    }
    const counts = { cells: this.#counts.take(), releases: this.#releases.applications };
    const changes = { added: this.#added, merged: this.#merged, counts, values, slots };
    this.#releases = new ApplicationPlaces();
    this.#changed = [];
    this.#seen = 0;
    this.#added = [];
    this.#merged = [];
    return changes;
  }

  /** Minutes since 1970. Records come in the order of time, most of them in the minute of the one before. */
  #minuteOf(timestamp: string): number {
    if (this.#minuteText === '' || !timestamp.startsWith(this.#minuteText)) {
      this.#minuteText = timestamp.slice(0, minuteLength);
      this.#minute = Math.trunc(Date.parse(`${this.#minuteText}Z`) / 60_000) | 0; // as the counts keep it
    }
    return this.#minute;
  }

  #tell({ application, source }: MinedTree, template: Template<PatternBook>): PatternBook {
    const { id, words, learned } = template;
    const book = new PatternBook(++this.#lastNumber);
    template.own = book;
    const { timestamp: firstSeen = '', message = '' } = this.#current ?? {};
    this.#added.push({
      number: book.number,
      application,
      source,
      id,
      template: words.join(' '),
      learned: [...learned],
      firstSeen,
      exemplar: message.slice(0, maxExemplarLength),
    });
    return book;
  }

  #track(book: PatternBook, application: Application, { words }: Template): SlotValues {
    if (this.#trackedCount >= maxTracked) {
      for (const tracked of this.#tracked) tracked.forgetValues();
      this.#tracked.clear();
      this.#trackedCount = 0;
    }
    this.#tracked.add(book);
    this.#trackedCount++;
    return book.keepValues(application, words);
  }
}
