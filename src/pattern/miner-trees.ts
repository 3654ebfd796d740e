/**
 * The trees of the miner: one for each source of an application, for the first `maxOwnTrees` sources; the others share one, since a source
 * may be a file that lives for an hour. Bounded over all of them: patterns, trees, remembered texts.
 */
import type { PatternName } from '../record/pattern-changes.ts';
import type { PatternBook } from './pattern-book.ts';
import { type Template, TemplateTree } from './template-tree.ts';

export interface MinedTree {
  readonly application: string;
  /** Empty for the tree that sources share. */
  readonly source: string;
  readonly tree: TemplateTree<PatternBook>;
}

export interface MinerOptions {
  /** Past this many what fits nothing goes to a catch-all pattern. */
  readonly maxPatternsPerApplication: number;
  /** The same over all applications. */
  readonly maxPatterns: number;
}

export interface TreeEvents {
  /** A pattern that was not there before. */
  readonly onNew: (tree: MinedTree, template: Template<PatternBook>) => void;
  readonly onMerged: (from: PatternBook, into: PatternBook, learned: ReadonlySet<number>) => void;
}

export interface KnownPattern extends PatternName {
  readonly number: number;
  readonly template: string;
  readonly learned: readonly number[];
}

export const maxOwnTrees = 16;
/** An application's name is whatever a log line says: what those past this many log is counted as one. */
const maxApplications = 2000;
const restName = '<other applications>';
/** Masked messages that all trees remember together. */
const maxTexts = 65_536;

interface Trees {
  readonly name: string;
  readonly bySource: Map<string, MinedTree>;
  shared: MinedTree | null;
  /** Of the record before: most come from the source that it came from. */
  lastSource: string;
  lastTree: MinedTree | null;
  /** Patterns of all its trees. */
  size: number;
}

export class MinerTrees {
  readonly #options: MinerOptions;
  readonly #events: TreeEvents;
  readonly #applications = new Map<string, Trees>();
  /** What is restored has its number already. */
  #restoring: PatternBook | null = null;
  #size = 0;
  #texts = 0;

  constructor(options: MinerOptions, events: TreeEvents) {
    this.#options = options;
    this.#events = events;
  }

  get size(): number {
    return this.#size;
  }

  of(application: string, source: string): MinedTree {
    const trees = this.#treesOf(application);
    if (trees.lastTree !== null && trees.lastSource === source) return trees.lastTree;
    const tree = this.#treeOf(trees, source);
    trees.lastSource = source;
    trees.lastTree = tree;
    return tree;
  }

  restore({ application, source, id, template, learned }: KnownPattern, book: PatternBook): void {
    const trees = this.#treesOf(application);
    const { tree } = source === '' ? this.#shared(trees) : this.#treeOf(trees, source);
    if (id === tree.catchAll.id) {
      tree.catchAll.own = book;
      return;
    }
    this.#restoring = book;
    tree.restore({ words: template.split(' '), learned });
    this.#restoring = null;
  }

  #treesOf(application: string): Trees {
    let trees = this.#applications.get(application);
    if (trees === undefined) {
      const isRest = this.#applications.size >= maxApplications && application !== restName;
      if (isRest) return this.#treesOf(restName);
      trees = { name: application, bySource: new Map(), shared: null, lastSource: '', lastTree: null, size: 0 };
      this.#applications.set(application, trees);
    }
    return trees;
  }

  #treeOf(trees: Trees, source: string): MinedTree {
    const known = trees.bySource.get(source);
    if (known !== undefined) return known;
    if (trees.bySource.size >= maxOwnTrees || trees.name === restName) return this.#shared(trees);
    const own = this.#newTree(trees, source);
    trees.bySource.set(source, own);
    return own;
  }

  #shared(trees: Trees): MinedTree {
    trees.shared ??= this.#newTree(trees, '');
    return trees.shared;
  }

  #newTree(trees: Trees, source: string): MinedTree {
    const { maxPatternsPerApplication, maxPatterns } = this.#options;
    const mined: MinedTree = {
      application: trees.name,
      source,
      tree: new TemplateTree({
        maxPatterns: trees.name === restName ? 0 : maxPatternsPerApplication,
        mayGrow: () => trees.size < maxPatternsPerApplication && this.#size < maxPatterns,
        onCached: () => this.#cached(),
        onNew: (template) => {
          trees.size++;
          this.#size++;
          const restored = this.#restoring;
          this.#restoring = null; // what restoring it merges with makes patterns of its own
          if (restored === null) this.#events.onNew(mined, template);
          else template.own = restored;
        },
        onMerged: (from, into) => {
          trees.size--;
          this.#size--;
          if (from.own !== null && into.own !== null) this.#events.onMerged(from.own, into.own, into.learned);
        },
      }),
    };
    return mined;
  }

  #cached(): void {
    if (++this.#texts < maxTexts) return;
    this.#texts = 0;
    for (const { bySource, shared } of this.#applications.values()) {
      for (const { tree } of bySource.values()) tree.forgetTexts();
      shared?.tree.forgetTexts();
    }
  }
}
