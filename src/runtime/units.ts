/**
 * Configuration values with units: sizes (`128MiB`, `1MB`) become bytes, durations (`500ms`, `1d`) become milliseconds.
 */
import { z } from 'zod';

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Bytes; null when `text` is no size. */
export function parseBytes(text: string): number | null {
  return parseQuantity(text, byteUnits);
}

/** Milliseconds; null when `text` is no duration. A number needs its unit, so that nobody has to guess it. */
export function parseDuration(text: string): number | null {
  return parseQuantity(text, durationUnits);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
  return number === undefined || factor === undefined ? null : Math.round(Number(number) * factor);
}

/** A size between `min` and `max` bytes. */
export function bytes(bounds: { min: number; max?: number }) {
  const meta = boundsMeta('size', bounds, { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 });
  return quantity('a size with its unit, like 16MiB', parseBytes, bounds, meta).meta(meta);
}

/** A duration between `min` and `max` milliseconds. */
export function duration(bounds: { min: number; max?: number }) {
  const meta = boundsMeta('duration', bounds, durationUnits);
  return quantity('a duration with its unit, like 500ms, 30s or 1d', parseDuration, bounds, meta).meta(meta);
}

/** For the generated reference: the kind of quantity and its bounds, written in the largest of `units` they are whole in. */
function boundsMeta(
  title: string,
  { min, max }: { min: number; max?: number },
  units: Readonly<Record<string, number>>,
) {
  const text = (value: number): string => {
    const [unit, factor] = Object.entries(units).reduce(
      (best, candidate) => (value > 0 && value % candidate[1] === 0 && candidate[1] >= best[1] ? candidate : best),
      ['', 1],
    );
    return `${value / factor}${unit}`;
  };
  return { title, minimum: text(min), ...(max === undefined ? {} : { maximum: text(max) }) };
}

function quantity(
  what: string,
  parse: (text: string) => number | null,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
  { title, minimum, maximum }: ReturnType<typeof boundsMeta>,
) {
  return z.union([z.string(), z.number()], { error: `expected ${what}` }).transform((value, context) => {
    const parsed = parse(String(value));
    if (parsed === null) {
      context.addIssue({ code: 'custom', message: `expected ${what}, got ${JSON.stringify(value)}` });
      return z.NEVER;
    }
    if (parsed < min || parsed > max) {
      context.addIssue({
        code: 'custom',
        message: `expected a ${title} ${maximum === undefined ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`}, got ${JSON.stringify(value)}`,
      });
      return z.NEVER;
    }
    return parsed;
  });
}
