/**
 * The sender's address of a received datagram as text, from its sockaddr (ip(7), ipv6(7)). Texts are made once and kept: making one costs
 * more than receiving a datagram, and most come from the sender of the one before.
 */

import { AF_INET, AF_INET6, ipv6Text } from '../../../runtime/socket-address.ts';

const maxKept = 10_000;

export class SenderAddresses {
  /** By the address as a number. */
  #v4 = new Map<number, string>();
  /** By its 16 bytes as characters. */
  #v6 = new Map<string, string>();
  #lastV4 = 0;
  #lastV4Text = '0.0.0.0';

  /** Empty when it is no IP address. */
  textOf(buffer: Buffer, at: number): string {
    const family = buffer.readUInt16LE(at);
    if (family === AF_INET6) return this.#textOfV6(buffer, at + 8);
    if (family !== AF_INET) return '';
    const address = buffer.readUInt32BE(at + 4);
    if (address !== this.#lastV4) {
      this.#lastV4Text = this.#textOfV4(address);
      this.#lastV4 = address;
    }
    return this.#lastV4Text;
  }

  #textOfV4(address: number): string {
    const known = this.#v4.get(address);
    if (known !== undefined) return known;
    if (this.#v4.size === maxKept) this.#v4 = new Map();
    const text = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
    this.#v4.set(address, text);
    return text;
  }

  #textOfV6(buffer: Buffer, at: number): string {
    const key = buffer.toString('latin1', at, at + 16);
    const known = this.#v6.get(key);
    if (known !== undefined) return known;
    if (this.#v6.size === maxKept) this.#v6 = new Map();
    const text = ipv6Text(buffer.subarray(at, at + 16));
    this.#v6.set(key, text);
    return text;
  }
}
