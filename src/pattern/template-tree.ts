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

export interface Template {
  /** 16 hexadecimal digits of SHA-256 over the template's words: the same in every process, whatever came before. */
  readonly id: string;
  /** Separated by spaces they are the template; `<*>` stands for a variable word. */
  readonly words: readonly string[];
  /** Places whose variable was learned from different words, not seen from a mask. */
  readonly learned: ReadonlySet<number>;
}

/** A variable word. */
export const anyWord = '<*>';

const catchAllWords = ['<anything>'];

const siblingSetsPerPattern = 16;

interface Leaf {
  /** By the words joined; templates without a learned variable are found here. */
  readonly exact: Map<string, Node>;
  /** Templates with learned variables, most specific first. */
  wild: Node[];
}

class Node implements Template {
  readonly id: string;
  readonly words: readonly string[];
  /** Places whose word was learned to be variable. */
  readonly learned: Set<number>;
  mergedInto: Node | null = null;

  constructor(words: readonly string[], learned: Set<number>) {
    this.id = idOfWords(words);
    this.words = words;
    this.learned = learned;
  }
}

export interface TreeOptions {
  readonly maxPatterns: number;
  /** Asked before a pattern is made; false sends the message to the catch-all. */
  readonly mayGrow?: () => boolean;
  /** Masked messages whose pattern is remembered; the rest is looked up in the tree. */
  readonly maxCached?: number;
  /** Told of every new pattern. */
  readonly onNew?: (template: Template) => void;
  /** Told when `from` has become part of `into`. */
  readonly onMerged?: (from: Template, into: Template) => void;
}

export class TemplateTree {
  readonly #options: TreeOptions;
  readonly #maxCached: number;
  readonly #leaves = new Map<string, Leaf>();
  readonly #siblings = new Map<string, Set<Node>>();
  #cache = new Map<string, Node>();
  readonly #catchAll = new Node(catchAllWords, new Set());
  #size = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#maxCached = options.maxCached ?? 16_384;
  }

  /** Patterns that are not merged into others, the catch-all not counted. */
  get size(): number {
    return this.#size;
  }

  get catchAll(): Template {
    return this.#catchAll;
  }

  /** The pattern of a masked message (mask.ts); it is made when there is none. */
  match(text: string): Template {
    const cached = this.#cache.get(text);
    if (cached !== undefined) return cached.mergedInto === null ? cached : this.#current(text, cached);
    const found = this.#find(text);
    if (this.#cache.size >= this.#maxCached) this.#cache = new Map();
    this.#cache.set(text, found);
    return found;
  }

  /** Puts back a pattern that was stored, so that nothing has to be learned again. */
  restore({ words, learned }: { readonly words: readonly string[]; readonly learned: Iterable<number> }): Template {
    const leaf = this.#leafOf(words);
    const known = leaf.exact.get(words.join(' '));
    if (known !== undefined) return known;
    const node = this.#add(leaf, new Node(words, new Set(learned)));
    leaf.wild.sort(bySpecificity);
    this.#options.onNew?.(node);
    return this.#learnFrom(node);
  }

  #current(text: string, node: Node): Node {
    const current = survivorOf(node);
    this.#cache.set(text, current);
    return current;
  }

  #find(text: string): Node {
    const words = text.split(' ').map((word, place) => (isVariable(word, place) ? anyWord : word));
    const leaf = this.#leafOf(words);
    const exact = leaf.exact.get(words.join(' '));
    if (exact !== undefined) return exact;
    const wild = leaf.wild.find((node) => fits(node, words));
    if (wild !== undefined) return wild;
    const { maxPatterns, mayGrow = () => true } = this.#options;
    if (this.#size >= maxPatterns || !mayGrow()) return this.#catchAll;
    const node = this.#add(leaf, new Node(words, new Set()));
    this.#options.onNew?.(node);
    return this.#learnFrom(node);
  }

  #leafOf(words: readonly string[]): Leaf {
    const key = `${words.length} ${words[0] ?? ''}`;
    let leaf = this.#leaves.get(key);
    if (leaf === undefined) {
      leaf = { exact: new Map(), wild: [] };
      this.#leaves.set(key, leaf);
    }
    return leaf;
  }

  #add(leaf: Leaf, node: Node): Node {
    leaf.exact.set(node.words.join(' '), node);
    if (node.learned.size > 0) leaf.wild.push(node);
    this.#size++;
    return node;
  }

  /** Merges the new pattern with those that differ in one word, once they are enough. The first word is never learned. */
  #learnFrom(node: Node): Node {
    // What was learned is kept in the patterns; evidence that never sufficed may be gathered anew.
    if (this.#siblings.size > this.#options.maxPatterns * siblingSetsPerPattern) this.#siblings.clear();
    for (let place = 1; place < node.words.length; place++) {
      const word = node.words[place] ?? '';
      if (word === anyWord) continue;
      const words = node.words.with(place, anyWord);
      const key = `${place} ${words.join(' ')}`;
      let siblings = this.#siblings.get(key);
      if (siblings === undefined) {
        siblings = new Set();
        this.#siblings.set(key, siblings);
      }
      siblings.add(node);
      const alive = [...siblings].filter(({ mergedInto }) => mergedInto === null);
      const values = alive.map((sibling) => sibling.words[place] ?? '');
      if (values.length >= wordsNeeded(node.words[place - 1] ?? '', values)) {
        this.#siblings.delete(key);
        return this.#merge(words, alive);
      }
    }
    return node;
  }

  #merge(words: readonly string[], nodes: readonly Node[]): Node {
    const leaf = this.#leafOf(words);
    const learned = new Set(nodes.flatMap((node) => [...node.learned]));
    for (const [place, word] of words.entries())
      if (word === anyWord && nodes.some((node) => node.words[place] !== anyWord)) learned.add(place);
    let merged = leaf.exact.get(words.join(' '));
    if (merged === undefined) {
      merged = this.#add(leaf, new Node(words, learned));
      this.#options.onNew?.(merged);
    } else {
      // It was there with a mask in this place: now any word fits.
      for (const place of learned) merged.learned.add(place);
      leaf.wild = [...leaf.wild.filter((node) => node !== merged), merged];
    }
    leaf.wild.sort(bySpecificity);
    for (const node of leaf.exact.values()) {
      if (node === merged || !fits(merged, node.words)) continue;
      node.mergedInto = merged;
      leaf.exact.delete(node.words.join(' '));
      leaf.wild = leaf.wild.filter((other) => other !== node);
      this.#size--;
      this.#options.onMerged?.(node, merged);
    }
    return this.#learnFrom(merged);
  }
}

function survivorOf(node: Node): Node {
  let survivor = node;
  while (survivor.mergedInto !== null) survivor = survivor.mergedInto;
  return survivor;
}

function bySpecificity(a: Node, b: Node): number {
  return a.learned.size - b.learned.size;
}

/** Every word is the template's, or stands where it has a variable. */
function fits({ words: template }: Template, words: readonly string[]): boolean {
  for (let place = 0; place < template.length; place++) {
    if (template[place] !== anyWord && template[place] !== words[place]) return false;
  }
  return true;
}

/** A mask that is the word, or stands in an id; what follows a key (`memory:<num>`, `CPU#<num>`) leaves the key as a word. */
export function isVariable(word: string, place: number): boolean {
  const mask = word.indexOf('<');
  if (mask < 0 || word.indexOf('>', mask) < 0) return place > 0 && (isAbsence(word) || isNameLike(word));
  if (mask > 1 && ':=#('.includes(word.charAt(mask - 1)) && /[a-zA-Z]/.test(word.slice(0, mask))) return false;
  return true;
}

/** What loggers write where there is no value: `()`, `""`, `null`, `(none)`. */
function isAbsence(word: string): boolean {
  return /^(?:\(\)|\[\]|\{\}|""|''|null|nil|[([{<"'](?:null|nil|none|undefined|unknown)[)\]}>"'])[,.;:]?$/i.test(word);
}

/** Words that are not prose: names with dots, paths, what stands in quotes. */
function isNameLike(word: string): boolean {
  return (
    /^[("'[]*[\w$-]+(?:\.[\w$-]+){2,}[)"',:;\]]*$/.test(word) ||
    /^["'][^\s"']+["'][,.:;]?$/.test(word) ||
    /^[\w-]+\/[\w.-]+$/.test(word)
  );
}

/** Behind these words, and behind a colon, stands a name more often than not. Nouns are none of them: `queue flushed`, `file closed`. */
// oxfmt-ignore
const introducing = new Set(['user', 'from', 'for', 'to', 'by', 'host', 'at', 'on', 'name', 'named', 'of', 'with', 'in', 'into', 'id']);

/** How many different words make their place a variable. A word in capitals is a state or a verb of a protocol: those are few. */
function wordsNeeded(before: string, values: readonly string[]): number {
  if (values.filter((value) => /^\W*[A-Z][A-Z_]+\W*$/.test(value)).length * 2 > values.length) return 16;
  const isIntroduced = introducing.has(before.toLowerCase()) || /[:=]$/.test(before);
  return isIntroduced ? 3 : 24;
}

function idOfWords(words: readonly string[]): string {
  return createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 16);
}
