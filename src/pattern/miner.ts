/**
 * Finds the pattern of every record on its way into the store, and says what each batch adds: new patterns, merges, counts by release,
 * severity and minute, values of variables.
 *
 * One tree an application, so that what one program logs never changes how another's messages are grouped. Its answers are committed
 * with the rows they count (commit-queue.ts), so counts and rows never differ. Nothing here knows the store.
 */
import type {
  AddedPattern,
  MergedPattern,
  PatternChanges,
  PatternCount,
  PatternName,
  PatternSlot,
  PatternValue,
} from '../record/pattern-changes.ts';
import type { Application, LogRecord } from '../record/log-record.ts';
import type { Severity } from '../record/severity.ts';
import { Masker } from './mask.ts';
import { SlotValues } from './slot-values.ts';
import { type Template, TemplateTree } from './template-tree.ts';

export interface MinerOptions {
  /** Past this many what fits nothing goes to the application's catch-all pattern. */
  readonly maxPatternsPerApplication: number;
  /** The same over all applications. */
  readonly maxPatterns: number;
}

export interface KnownPattern extends PatternName {
  readonly number: number;
  readonly template: string;
  readonly learned: readonly number[];
}

interface Tree {
  readonly application: string;
  readonly tree: TemplateTree;
  /** Numbers of the patterns that the store has been told of, by id. */
  readonly numbers: Map<string, number>;
}

interface Cell {
  readonly application: Application;
  readonly severity: Severity;
  readonly minute: string;
  readonly record: number;
  count: number;
}

/** Variables whose values are remembered; past it they are learned anew. */
const maxTracked = 20_000;
const maxExemplarLength = 1000;

export class PatternMiner {
  readonly #options: MinerOptions;
  readonly #masker = new Masker();
  readonly #trees = new Map<string, Tree>();
  #tracked = new Map<Template, { readonly application: Application; readonly slots: SlotValues }[]>();
  #trackedCount = 0;
  #merged: MergedPattern[] = [];
  #added: AddedPattern[] = [];
  /** The record that is looked at: what is new or merged was seen in it first. */
  #current: LogRecord | null = null;
  #total = 0;
  #lastNumber: number;

  /**
   * @param known patterns of earlier runs, those merged into others left out.
   * @param lastNumber the highest that was ever given to a pattern.
   */
  constructor(options: MinerOptions, known: readonly KnownPattern[] = [], lastNumber = 0) {
    this.#options = options;
    this.#lastNumber = lastNumber;
    for (const { number, application, id, template, learned } of known) {
      const { tree, numbers } = this.#treeOf(application);
      numbers.set(id, number);
      if (id !== tree.catchAll.id) tree.restore({ words: template.split(' '), learned });
    }
  }

  /** Patterns of all applications. */
  get size(): number {
    return this.#total;
  }

  /** Null for a batch without records. */
  observe(records: readonly LogRecord[]): PatternChanges | null {
    if (records.length === 0) return null;
    const cells = new Map<Tree, Map<Template, Cell[]>>();
    for (const [index, record] of records.entries()) this.#observeRecord(record, index, cells);
    const counts: PatternCount[] = [];
    const values: PatternValue[] = [];
    const slots: PatternSlot[] = [];
    for (const [{ numbers }, templates] of cells) {
      for (const [template, list] of templates) {
        const pattern = numbers.get(template.id) ?? 0;
        for (const cell of list) {
          const { severity, count, record } = cell;
          counts.push({ pattern, severity, minute: Date.parse(`${cell.minute}Z`) / 60_000, count, record });
          this.#takeValues(pattern, template, cell, values, slots);
        }
      }
    }
    const [added, merged] = [this.#added, this.#merged];
    this.#added = [];
    this.#merged = [];
    this.#current = null;
    return { added, merged, counts, values, slots };
  }

  #observeRecord(record: LogRecord, index: number, cells: Map<Tree, Map<Template, Cell[]>>): void {
    const { application, message, severity, timestamp } = record;
    const tree = this.#treeOf(application.name);
    this.#current = record;
    const template = tree.tree.match(this.#masker.mask(message));
    if (template === tree.tree.catchAll && !tree.numbers.has(template.id)) this.#tell(tree, template);
    let templates = cells.get(tree);
    if (templates === undefined) {
      templates = new Map();
      cells.set(tree, templates);
    }
    let list = templates.get(template);
    if (list === undefined) {
      list = [];
      templates.set(template, list);
    }
    const minute = timestamp.slice(0, 16);
    const cell = cellFor(list, application, severity, minute);
    if (cell === undefined) list.push({ application, severity, minute, record: index, count: 1 });
    else cell.count++;
    if (template === tree.tree.catchAll) return;
    this.#slotsOf(template, application).observe(this.#masker, message, timestamp);
  }

  #treeOf(application: string): Tree {
    const known = this.#trees.get(application);
    if (known !== undefined) return known;
    const numbers = new Map<string, number>();
    const tree: Tree = {
      application,
      numbers,
      tree: new TemplateTree({
        maxPatterns: this.#options.maxPatternsPerApplication,
        mayGrow: () => this.#total < this.#options.maxPatterns,
        onNew: (template) => {
          this.#total++;
          if (!numbers.has(template.id)) this.#tell(tree, template);
        },
        onMerged: (from, into) => {
          this.#total--;
          const [number, target] = [numbers.get(from.id), numbers.get(into.id)];
          if (number === undefined || target === undefined) return;
          this.#merged.push({ number, into: target, learned: [...into.learned] });
        },
      }),
    };
    this.#trees.set(application, tree);
    return tree;
  }

  #tell({ application, numbers }: Tree, { id, words, learned }: Template): void {
    const number = ++this.#lastNumber;
    numbers.set(id, number);
    const { timestamp: firstSeen = '', message = '' } = this.#current ?? {};
    const exemplar = message.slice(0, maxExemplarLength);
    this.#added.push({
      number,
      application,
      id,
      template: words.join(' '),
      learned: [...learned],
      firstSeen,
      exemplar,
    });
  }

  #slotsOf(template: Template, application: Application): SlotValues {
    let list = this.#tracked.get(template);
    if (list !== undefined) {
      for (const known of list) if (isSame(known.application, application)) return known.slots;
    }
    if (this.#trackedCount >= maxTracked) {
      this.#tracked = new Map();
      this.#trackedCount = 0;
      list = undefined;
    }
    if (list === undefined) {
      list = [];
      this.#tracked.set(template, list);
    }
    const slots = new SlotValues(template.words);
    list.push({ application, slots });
    this.#trackedCount++;
    return slots;
  }

  #takeValues(pattern: number, template: Template, cell: Cell, values: PatternValue[], slots: PatternSlot[]): void {
    const tracked = this.#tracked.get(template)?.find((other) => isSame(other.application, cell.application));
    const { record } = cell;
    for (const change of tracked?.slots.takeChanges() ?? []) {
      const { place, range } = change;
      for (const { value, count, firstSeen } of change.values) {
        values.push({ pattern, place, value, count, firstSeen, record });
      }
      if (range !== null) slots.push({ pattern, place, ...range, record });
    }
  }
}

/** The newest first: records come in the order of time. */
function cellFor(
  list: readonly Cell[],
  application: Application,
  severity: Severity,
  minute: string,
): Cell | undefined {
  for (let place = list.length - 1; place >= 0; place--) {
    const cell = list[place];
    if (cell?.severity === severity && cell.minute === minute && isSame(cell.application, application)) return cell;
  }
  return undefined;
}

function isSame(a: Application, b: Application): boolean {
  return a === b || (a.version === b.version && a.environment === b.environment && a.name === b.name);
}
