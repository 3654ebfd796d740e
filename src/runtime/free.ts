/**
 * Gives the memory of a buffer back now. Garbage that is not JavaScript's own waits long to be collected: a thread whose objects are few seldom
 * collects, whatever its buffers take.
 *
 * @param buffer nobody reads it, or an array over it, any more. One that has been given up already may be given up again.
 */
export function free(buffer: ArrayBuffer): void {
  if (!buffer.detached) buffer.transfer(0);
}
