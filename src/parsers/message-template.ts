/**
 * Message templates as Serilog and .NET loggers write them (messagetemplates.org): `Hello, {User}` with the values beside it.
 * The compact format (CLEF) leaves the rendered text out, so it is made here.
 */

/** `{Name}`, `{@Name}`, `{$Name}`, `{Name,10:000}`; `{{` and `}}` are braces. */
const hole = /\{\{|\}\}|\{[@$]?(\w+)(,-?\d+)?(:[^{}]*)?\}/g;

/**
 * Puts values into a template. A hole without a value stays as it is.
 * @param valueOf the text of a named value, undefined when the entry has none.
 * @param renderings CLEF's `@r`: how the logger wrote the holes that have a format, in their order.
 */
export function fillTemplate(
  template: string,
  valueOf: (name: string) => string | undefined,
  renderings: readonly string[] = [],
): string {
  let formatted = 0;
  return template.replaceAll(hole, (text, name?: string, _alignment?: string, format?: string) => {
    if (name === undefined) return text.charAt(0);
    const rendered = format === undefined ? undefined : renderings[formatted++];
    return rendered ?? valueOf(name) ?? text;
  });
}

/** Reads CLEF's `@r`, a JSON list of texts; anything else is no list. */
export function renderingsOf(json: string | undefined): readonly string[] {
  if (json === undefined) return [];
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : [];
  } catch {
    return [];
  }
}
