/** The configuration a command runs with: its file, the environment and the common flags. */
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import type { CommonFlags, Surroundings } from './command.ts';

/** @throws RegressionError `CONFIG_INVALID`, every problem with its place. */
export function effectiveConfig(
  { config, dataDir, logLevel }: CommonFlags,
  { env, cwd }: Surroundings,
): Promise<LoadedConfig> {
  return loadConfig({ configPath: config, dataDir, logLevel, env, cwd });
}
