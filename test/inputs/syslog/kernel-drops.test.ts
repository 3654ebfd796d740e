import { test } from 'tap';
import { kernelDropsIn } from '../../../src/inputs/syslog/kernel-drops.ts';

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  427: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31337 2 0000000000000000 1234
  428: 00000000:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31338 2 0000000000000000 5
  429: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31339 2 0000000000000000 77
`;
const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: 00000000000000000000000001000000:158A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 9
  102: 00000000000000000000000000000000:158A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2 2 0 11
  103: B80D0120000000000000000001000000:158A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0 13
`;

void test('the drops of a socket are found by its address and port, in the byte order of the table (F60)', async (t) => {
  t.equal(kernelDropsIn(table, '127.0.0.1', 5514), 1234);
  t.equal(kernelDropsIn(table, '0.0.0.0', 5514), 5);
  t.equal(kernelDropsIn(table, '127.0.0.1', 53), 77);
  t.equal(kernelDropsIn(table, '127.0.0.2', 5514), 0);
  t.equal(kernelDropsIn(table6, '::1', 5514), 9);
  t.equal(kernelDropsIn(table6, '::', 5514), 11);
  t.equal(kernelDropsIn(table6, '2001:db8::1', 5514), 13);
});
