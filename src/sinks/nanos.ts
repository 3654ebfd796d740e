/** A row's timestamp as nanoseconds since 1970 in decimal: Loki and OTLP count so, and a double cannot hold them. */
export function nanosOf(timestamp: string): string {
  const ms = Date.parse(`${timestamp.slice(0, 23)}Z`);
  const micros = timestamp.slice(23, 26);
  if (ms >= 0) return ms === 0 ? `${Number(micros)}000` : `${ms}${micros}000`;
  return String(BigInt(ms) * 1_000_000n + BigInt(micros) * 1000n);
}
