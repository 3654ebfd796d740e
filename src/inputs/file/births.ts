/**
 * The birth time of an inode tells its lives apart: inode numbers are used again at once.
 *
 * A system that does not know birth times answers 0, or the time of the last change, which a new file has too. So a birth time that
 * is the time of the last change is believed where the device has told another one: that of a file or directory that was changed
 * after it was made. Birth times are compared for being the same only: clocks may be set back between two lives.
 */
import type { BigIntStats } from 'node:fs';
import { stat as statPath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileEvidence, FilePosition } from '../../record/batch.ts';

/** Devices that tell birth times. What a kernel says of a device is the same for everybody in the process. */
const tellingDevices = new Set<string>();

/** What is to be remembered of a file: its birth time, or what may be one. */
export function birthOf({ birthtimeNs }: BigIntStats): Pick<FileEvidence, 'birthNs'> {
  return birthtimeNs === 0n ? {} : { birthNs: String(birthtimeNs) };
}

/** Null where the system may have told the time of the last change instead. */
export function sureBirthNs(stat: BigIntStats): bigint | null {
  return isTold(stat) ? stat.birthtimeNs : null;
}

/** Of a file that was seen before. */
export function sureBirthNsOf({ device, evidence }: FilePosition): bigint | null {
  return evidence?.birthNs !== undefined && tellingDevices.has(device) ? BigInt(evidence.birthNs) : null;
}

/** True when `stat` is of another inode's life than `evidence`, which is of the same device. */
export function isAnotherLife(stat: BigIntStats, evidence: FileEvidence | undefined): boolean {
  return evidence?.birthNs !== undefined && isTold(stat) && evidence.birthNs !== String(stat.birthtimeNs);
}

/** A directory is changed by each file that is made in it: it shows that its device tells birth times when its files are all new. */
export async function learnFromDirectoryOf(path: string, stat: BigIntStats): Promise<void> {
  if (stat.birthtimeNs === 0n || isTold(stat)) return;
  const directory = await statPath(dirname(path), { bigint: true }).catch(() => null); // gone: nothing to learn
  if (directory !== null) isTold(directory);
}

function isTold({ dev, birthtimeNs, ctimeNs }: BigIntStats): boolean {
  if (birthtimeNs === 0n) return false;
  const device = String(dev);
  if (birthtimeNs !== ctimeNs) tellingDevices.add(device);
  return tellingDevices.has(device);
}
