/**
 * Gives the memory of a buffer back now. Garbage that is not JavaScript's own waits long to be collected: a thread whose objects are few seldom
 * collects, whatever its buffers take.
 *
 * @param buffer nobody reads it, or an array over it, any more.
 */
export function free(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
