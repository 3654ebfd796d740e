/**
 * The six severities of a row, and how the numbers and words of loggers map to them.
 *
 * The scale is OpenTelemetry's short names (Logs Data Model, SeverityNumber). What a logger said more precisely
 * ("notice", "critical", 35) is kept by the parsers as metadata `severity_text`.
 */
export const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

export type Severity = (typeof severities)[number];

/** Place of a severity on the scale, 0 (TRACE) to 5 (FATAL): a floor compares these. */
export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}

/** The severities at or above `floor`, lowest first. */
export function severitiesFrom(floor: Severity): readonly Severity[] {
  return severities.slice(severityRank(floor));
}
