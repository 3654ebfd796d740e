/** Which inputs exist. A new one is a folder, a line here and a test. */
import { file } from './file/file-input.ts';
import { syslog } from './syslog/syslog-input.ts';

export const inputs = { file, syslog };
