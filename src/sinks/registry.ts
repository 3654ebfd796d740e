/** Which sinks exist. A new one is a file, a line here and a test. */
import { http } from './http.ts';
import { regression } from './regression.ts';

export const sinks = { http, regression };

export type SinkType = keyof typeof sinks;
