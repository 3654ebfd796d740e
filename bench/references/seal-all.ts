/** Rotates and seals what a data directory holds, as the daemon does in the background: `node bench/references/seal-all.ts DIR`. */
import { openStore } from '../../src/store/remote-store.ts';

const store = await openStore({ dataDir: process.argv[2] ?? '' });
await store.rotate();
await store.sealed();
const { unsealedSegments, segments } = await store.stats();
await store.close();
if (unsealedSegments > 0) throw new Error(`${unsealedSegments} of ${segments} segments are not sealed`);
