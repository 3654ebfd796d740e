/** A sink as the configuration has it, for the forwarder: what is common to all sinks apart from what is its own. */
import type { SinkConfig } from './config/schema.ts';
import type { ConfiguredSink } from './pipeline/forward/forwarder.ts';
import { commonOptions } from './sinks/options.ts';
import { sinks as sinkKinds } from './sinks/registry.ts';
import type { SinkKind } from './sinks/sink.ts';

export function configuredSink({ type, ...given }: SinkConfig): ConfiguredSink {
  const isCommon = (key: string): boolean => key in commonOptions.shape;
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => !isCommon(key)));
  const kind = sinkKinds[type] as unknown as SinkKind<never>;
  return {
    type,
    repetitions: kind.repetitions,
    common: given,
    create: (context) => kind.create(own as never, context),
  };
}
