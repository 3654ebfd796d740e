import { join } from 'node:path';
import { openStore } from '../../src/store/remote-store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { memoryDir } from '../temp-dir.ts';
import { storeContract } from './store.contract.ts';

storeContract('SqliteStore in memory', async () => new SqliteStore(':memory:'));
storeContract('SqliteStore on a file', async (t) => new SqliteStore(join(await memoryDir(t), 'regression.db')));
storeContract('RemoteStore', async (t) => openStore({ dataDir: await memoryDir(t) }));
