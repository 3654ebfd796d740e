/**
 * Variables in the texts of a configuration file: `${NAME}`, `${NAME:-what to take without it}`; `$${` stands for `${`. A value stays text,
 * as sizes and times are; whole options are better given as REGRESSION_* variables (load.ts).
 */
export interface UnsetVariable {
  readonly name: string;
  /** Keys and indexes from the root. */
  readonly keys: readonly PropertyKey[];
}

export interface Interpolated {
  readonly value: unknown;
  /** Stand as they are in `value`. */
  readonly unset: readonly UnsetVariable[];
}

/** Capital letters, so that templates with names of their own (`${name}`) are left alone. */
const reference = /\$(?:(\$\{)|\{([A-Z_][A-Z\d_]*)(?::-([^}]*))?\})/g;

export function interpolate(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  keys: readonly PropertyKey[] = [],
): Interpolated {
  if (typeof value === 'string') return textOf(value, env, keys);
  if (typeof value !== 'object' || value === null) return { value, unset: [] };
  const unset: UnsetVariable[] = [];
  const inner = (child: unknown, key: PropertyKey): unknown => {
    const read = interpolate(child, env, [...keys, key]);
    unset.push(...read.unset);
    return read.value;
  };
  const whole = Array.isArray(value)
    ? value.map(inner)
    : Object.fromEntries(Object.entries(value).map(([key, child]) => [key, inner(child, key)]));
  return { value: whole, unset };
}

function textOf(text: string, env: Readonly<Record<string, string | undefined>>, keys: readonly PropertyKey[]) {
  const unset: UnsetVariable[] = [];
  const value = text.replace(reference, (whole, literal: string | undefined, name = '', fallback?: string) => {
    if (literal !== undefined) return literal;
    const given = env[name];
    if (given !== undefined && given !== '') return given;
    if (fallback !== undefined) return fallback;
    unset.push({ name, keys });
    return whole;
  });
  return { value, unset };
}
