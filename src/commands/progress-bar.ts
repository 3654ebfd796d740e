/** One line on a terminal that is drawn over, at most a few times a second. On anything else it draws nothing. */
import type { Output } from './command.ts';

const drawIntervalMs = 100;
const barWidth = 30;

export class ProgressBar {
  readonly #output: Output;
  #lastDrawMs = 0;
  #isDrawn = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /**
   * @param share 0 to 1.
   * @param text a function where making it for nothing costs too much: it is only called for what is drawn.
   */
  draw(share: number, text: string | (() => string)): void {
    const nowMs = performance.now();
    if (this.#output.isTTY !== true || nowMs - this.#lastDrawMs < drawIntervalMs) return;
    this.#lastDrawMs = nowMs;
    this.#isDrawn = true;
    const filled = Math.round(Math.min(Math.max(share, 0), 1) * barWidth);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}`;
    const line = `${bar} ${`${Math.floor(share * 100)}%`.padStart(4)} ${typeof text === 'string' ? text : text()}`;
    this.#output.write(`\r\u001b[K${line.slice(0, (this.#output.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (this.#isDrawn) this.#output.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}
