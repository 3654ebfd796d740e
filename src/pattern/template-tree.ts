/**
 * Groups masked messages into patterns as they come: a tree of fixed depth (number of words, first word, template).
 *
 * A message begins as a pattern of its own words; words that carry a mask are variable from the start. A plain word becomes
 * variable once enough different ones were met in its place with all else equal: the patterns are then merged into one, and
 * each of the old ids is an alias of the new. Nothing is ever split, so an id that was given out leads somewhere for ever.
 *
 * Bounded: past `maxPatterns` whatever fits nothing goes to one catch-all pattern and is counted.
 */
import { createHash } from 'node:crypto';
import type { MaskedText } from './masked-text.ts';
import { anyWord, catchAllTemplate, fits, leafKeyOf, templateWords } from './message-words.ts';

/** @template Own what its user keeps with a pattern. */
export interface Template<Own = unknown> {
  /** 16 hexadecimal digits of SHA-256 over the template's words: the same in every process, whatever came before. */
  readonly id: string;
  /** Separated by spaces they are the template; `<*>` stands for a variable word. */
  readonly words: readonly string[];
  /** Places whose variable was learned from different words, not seen from a mask. */
  readonly learned: ReadonlySet<number>;
  own: Own | null;
}

const catchAllWords = [catchAllTemplate];

const noPlaces: ReadonlySet<number> = new Set();

interface Leaf<Own> {
  /** By the words joined; templates without a learned variable are found here. */
  readonly exact: Map<string, Node<Own>>;
  /** Templates with learned variables, most specific first. */
  wild: Node<Own>[];
}

class Node<Own> implements Template<Own> {
  readonly id: string;
  readonly words: readonly string[];
  /** Places whose word was learned to be variable. */
  learned: ReadonlySet<number>;
  own: Own | null = null;
  mergedInto: Node<Own> | null = null;

  constructor(words: readonly string[], learned: ReadonlySet<number> = noPlaces) {
    const template = words.join(' ');
    this.id = createHash('sha256').update(template).digest('hex').slice(0, 16);
    // Views of the template, not of the message that they were found in.
    this.words = template.split(' ');
    this.learned = learned;
  }
}

/** How many different words make their place a variable. */
export interface WordsNeeded {
  /** Behind a word or a colon that introduces a name. */
  readonly introduced: number;
  /** Words in capitals: states and verbs of protocols, of which there are several. */
  readonly capitals: number;
  readonly other: number;
}

/** Chosen once, for all systems; what others would have done is in the conformance run (loghub-patterns.ts: leave one out). */
export const wordsNeeded: WordsNeeded = { introduced: 3, capitals: 16, other: 24 };

export interface TreeOptions<Own> {
  readonly maxPatterns: number;
  readonly wordsNeeded?: WordsNeeded;
  /** Asked before a pattern is made; false sends the message to the catch-all. */
  readonly mayGrow?: () => boolean;
  /** Masked messages whose pattern is remembered; the rest is looked up in the tree. */
  readonly maxCached?: number;
  /** Told of every masked message that is remembered from now on. */
  readonly onCached?: () => void;
  /** Told of every new pattern. */
  readonly onNew?: (template: Template<Own>) => void;
  /** Told when `from` has become part of `into`. */
  readonly onMerged?: (from: Template<Own>, into: Template<Own>) => void;
}

export class TemplateTree<Own = unknown> {
  readonly #options: TreeOptions<Own>;
  readonly #maxCached: number;
  readonly #wordsNeeded: WordsNeeded;
  readonly #leaves = new Map<string, Leaf<Own>>();
  /** By the hash of a masked text: the one that was looked up last of those who share it. */
  #cache = new Map<number, { readonly text: string; node: Node<Own> }>();
  readonly #catchAll = new Node<Own>(catchAllWords);
  #size = 0;

  constructor(options: TreeOptions<Own>) {
    this.#options = options;
    this.#maxCached = options.maxCached ?? 4096;
    this.#wordsNeeded = options.wordsNeeded ?? wordsNeeded;
  }

  /** Patterns that are not merged into others, the catch-all not counted. */
  get size(): number {
    return this.#size;
  }

  get catchAll(): Template<Own> {
    return this.#catchAll;
  }

  /** The pattern of a masked message (mask.ts); it is made when there is none. */
  match(masked: MaskedText): Template<Own> {
    const { hash } = masked;
    const cached = this.#cache.get(hash);
    if (cached !== undefined && masked.equals(cached.text)) {
      if (cached.node.mergedInto !== null) cached.node = survivorOf(cached.node);
      return cached.node;
    }
    const text = masked.toString();
    const node = this.#find(text);
    if (this.#cache.size >= this.#maxCached) this.forgetTexts();
    this.#cache.set(hash, { text, node });
    this.#options.onCached?.();
    return node;
  }

  /** Patterns stay; what was remembered to find them quickly goes. */
  forgetTexts(): void {
    this.#cache = new Map();
  }

  /** Puts back a pattern that was stored, so that nothing has to be learned again. */
  restore({
    words,
    learned,
  }: {
    readonly words: readonly string[];
    readonly learned: Iterable<number>;
  }): Template<Own> {
    const leaf = this.#leafOf(words);
    const known = leaf.exact.get(words.join(' '));
    if (known !== undefined) return known;
    const node = this.#add(leaf, new Node<Own>(words, new Set(learned)));
    leaf.wild.sort(bySpecificity);
    this.#options.onNew?.(node);
    return this.#learnFrom(node);
  }

  #find(text: string): Node<Own> {
    const words = templateWords(text);
    const leaf = this.#leaves.get(leafKeyOf(words));
    const exact = leaf?.exact.get(words.join(' '));
    if (exact !== undefined) return exact;
    const wild = leaf?.wild.find((node) => fits(node.words, words));
    if (wild !== undefined) return wild;
    const { maxPatterns, mayGrow = () => true } = this.#options;
    if (this.#size >= maxPatterns || !mayGrow()) return this.#catchAll;
    const node = this.#add(this.#leafOf(words), new Node<Own>(words));
    this.#options.onNew?.(node);
    return this.#learnFrom(node);
  }

  #leafOf(words: readonly string[]): Leaf<Own> {
    const key = leafKeyOf(words);
    let leaf = this.#leaves.get(key);
    if (leaf === undefined) {
      leaf = { exact: new Map(), wild: [] };
      this.#leaves.set(key, leaf);
    }
    return leaf;
  }

  #add(leaf: Leaf<Own>, node: Node<Own>): Node<Own> {
    leaf.exact.set(node.words.join(' '), node);
    if (node.learned.size > 0) leaf.wild.push(node);
    this.#size++;
    return node;
  }

  /** Merges the new pattern with those that differ in one word, once they are enough. The first word is never learned. */
  #learnFrom(node: Node<Own>): Node<Own> {
    const alike = this.#alike(node);
    for (const place of [...alike.keys()].sort((a, b) => a - b)) {
      const nodes = [...(alike.get(place) ?? []), node];
      const values = nodes.map((one) => one.words[place] ?? '');
      if (values.length >= this.#wordsNeeded[placeOf(node.words[place - 1] ?? '', values)]) {
        return this.#merge(node.words.with(place, anyWord), nodes);
      }
    }
    return node;
  }

  /**
   * By the place of the one word in which they differ from `node`. Looked for when a pattern is new, which is rare, and not kept: what
   * each pattern might be merged with took ten times the memory of the pattern.
   */
  #alike(node: Node<Own>): Map<number, Node<Own>[]> {
    const alike = new Map<number, Node<Own>[]>();
    for (const other of this.#leafOf(node.words).exact.values()) {
      const place = onlyDifference(node.words, other.words);
      if (place < 1) continue;
      const known = alike.get(place);
      if (known === undefined) alike.set(place, [other]);
      else known.push(other);
    }
    return alike;
  }

  #merge(words: readonly string[], nodes: readonly Node<Own>[]): Node<Own> {
    const leaf = this.#leafOf(words);
    const learned = new Set(nodes.flatMap((node) => [...node.learned]));
    for (const [place, word] of words.entries())
      if (word === anyWord && nodes.some((node) => node.words[place] !== anyWord)) learned.add(place);
    let merged = leaf.exact.get(words.join(' '));
    if (merged === undefined) {
      merged = this.#add(leaf, new Node<Own>(words, learned));
      this.#options.onNew?.(merged);
    } else {
      // It was there with a mask in this place: now any word fits.
      merged.learned = new Set([...merged.learned, ...learned]);
      leaf.wild = [...leaf.wild.filter((node) => node !== merged), merged];
    }
    leaf.wild.sort(bySpecificity);
    for (const node of leaf.exact.values()) {
      if (node === merged || !fits(merged.words, node.words)) continue;
      node.mergedInto = merged;
      leaf.exact.delete(node.words.join(' '));
      leaf.wild = leaf.wild.filter((other) => other !== node);
      this.#size--;
      this.#options.onMerged?.(node, merged);
    }
    return this.#learnFrom(merged);
  }
}

function survivorOf<Own>(node: Node<Own>): Node<Own> {
  let survivor = node;
  while (survivor.mergedInto !== null) survivor = survivor.mergedInto;
  return survivor;
}

function bySpecificity(a: Template, b: Template): number {
  return a.learned.size - b.learned.size;
}

/** The place of the one plain word in which they differ; -1 where they differ in none or in more. */
function onlyDifference(words: readonly string[], others: readonly string[]): number {
  let found = -1;
  for (let place = 0; place < words.length; place++) {
    if (words[place] === others[place]) continue;
    if (found >= 0 || words[place] === anyWord || others[place] === anyWord) return -1;
    found = place;
  }
  return found;
}

/** Behind these words, and behind a colon, stands a name more often than not. Nouns are none of them: `queue flushed`, `file closed`. */
// oxfmt-ignore
const introducing = new Set(['user', 'from', 'for', 'to', 'by', 'host', 'at', 'on', 'name', 'named', 'of', 'with', 'in', 'into', 'id']);

function placeOf(before: string, values: readonly string[]): keyof WordsNeeded {
  if (values.filter((value) => /^\W*[A-Z][A-Z_]+\W*$/.test(value)).length * 2 > values.length) return 'capitals';
  return introducing.has(before.toLowerCase()) || /[:=]$/.test(before) ? 'introduced' : 'other';
}
