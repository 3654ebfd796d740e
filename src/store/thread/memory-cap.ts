/**
 * Bounds the memory that the engine can take in this thread: its heap never shrinks and may grow to 2 GiB, and SQLite's own limits
 * are compiled out of it. Refused growth is an "out of memory" error of the statement, nothing more.
 */
const pageBytes = 65_536;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Of the language, but not among the types of a program without a browser. */
declare const WebAssembly: { readonly Memory: { readonly prototype: Memory } };

export function capWasmMemory(maxBytes: number): void {
  const memory = WebAssembly.Memory.prototype;
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const { grow } = memory;
  memory.grow = function growWithin(this: Memory, pages: number): number {
    if (this.buffer.byteLength + pages * pageBytes > maxBytes) throw new RangeError("the thread's memory is used up");
    return grow.call(this, pages);
  };
}
