/**
 * The command line, made of the commands in registry.ts with yargs. Wrong words are refused with the nearest right one.
 */
import yargs, { type Argv, type Options } from 'yargs';
import { RegressionError } from '../runtime/errors.ts';
import { logLevels } from '../runtime/log-levels.ts';
import { nearestName } from '../runtime/nearest.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { type CommandName, commands } from './registry.ts';

const commonFlags: Readonly<Record<keyof CommonFlags, Options>> = {
  config: { type: 'string', describe: 'YAML configuration file', requiresArg: true },
  dataDir: { type: 'string', describe: 'Directory of the database and all state', requiresArg: true },
  logLevel: { choices: logLevels, describe: "Level of the program's own log, on standard error", requiresArg: true },
  json: { type: 'boolean', describe: 'Answer for machines' },
};

/** @throws RegressionError `USAGE` for wrong words; whatever the command throws. */
export async function runCli(args: readonly string[], version: string, surroundings: Surroundings): Promise<void> {
  const loaded = await loadCommands(args);
  let cli: Argv = yargs([...args])
    .scriptName('regression')
    .usage(
      '$0 <command>\n\nFollows log files and syslog, keeps every entry as rows in a local SQLite file, and answers questions about them.',
    )
    .parserConfiguration({ 'duplicate-arguments-array': true })
    .options(dashed(commonFlags))
    .demandCommand(1)
    .strict()
    .exitProcess(false)
    .version(version)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(surroundings.stdout.columns ?? 100, 110))
    .epilogue('`regression <command> --help` shows the flags and examples of a command.')
    .fail((message, error) => {
      // yargs throws some of its findings itself; what a command throws is passed on as it is.
      throw error === undefined || error.name === 'YError'
        ? usageError(error?.message ?? message, args, loaded)
        : error;
    });
  for (const command of Object.values(loaded)) cli = addCommand(cli, command, surroundings);
  keepHelpUnwritten(cli);
  await cli.parseAsync();
}

interface YargsInternals {
  getInternalMethods(): { getUsageInstance(): { cacheHelpMessage: () => void } };
}

/**
 * Beside a command that runs, yargs lays out its help for the case that it fails. Ours show none then, and laying it out takes longer than reading the
 * arguments does.
 */
function keepHelpUnwritten(cli: Argv): void {
  (cli as unknown as YargsInternals).getInternalMethods().getUsageInstance().cacheHelpMessage = () => undefined;
}

type Commands = Partial<Record<CommandName, Command<object>>>;

const names = Object.keys(commands) as CommandName[];

/** Those that are named (one of the words may be a flag's value); all when none is, for `--help` and for what is misspelt. */
async function loadCommands(args: readonly string[]): Promise<Commands> {
  if (args.length === 1 && args[0] === '--version') return {};
  const named = names.filter((name) => args.includes(name));
  const wanted = named.length === 0 ? names : named;
  const found = await Promise.all(wanted.map(async (name) => [name, await commands[name]()] as const));
  return Object.fromEntries(found);
}

function addCommand(cli: Argv, command: Command<object>, surroundings: Surroundings): Argv {
  return cli.command(
    command.usage,
    command.summary,
    (builder) => {
      for (const [name, options] of Object.entries(command.positionals ?? {})) builder.positional(name, options);
      builder.options(dashed(command.flags ?? {}));
      for (const [example, meaning] of command.examples) builder.example(example, meaning);
      return builder;
    },
    async (flags) => command.run(flags as CommonFlags, surroundings),
  );
}

/** Flags are written in camel case in the code and with dashes on the command line. */
function dashed(flags: Readonly<Record<string, Options>>): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, options]) => [dashedName(name), givenOnce(dashedName(name), options)]),
  );
}

/** yargs makes a list of what is given twice; only a flag that takes one is to have it. */
function givenOnce(name: string, options: Options): Options {
  if (options.array === true) return options;
  const coerce = (value: unknown): unknown => {
    if (!Array.isArray(value)) return options.coerce === undefined ? value : options.coerce(value);
    if (options.type === 'boolean') return value.at(-1);
    throw new Error(`--${name} is given ${value.length} times`);
  };
  return { ...options, coerce };
}

function dashedName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What yargs says of wrong words, said with the word and the nearest right one. */
function usageError(message: string, args: readonly string[], loaded: Commands): RegressionError {
  const word = args.find((arg) => !arg.startsWith('-'));
  if (word === undefined) {
    return usage('a command is missing', `One of: ${names.join(', ')}. See regression --help.`);
  }
  const command = loaded[word as CommandName];
  if (command === undefined)
    return usage(`unknown command ${word}`, didYouMean(word, names, `One of: ${names.join(', ')}.`));
  const help = `See regression ${word} --help.`;

  const [, unknown] = /^Unknown arguments?: ([^,]+)/.exec(message) ?? [];
  if (unknown !== undefined) {
    const isFlag = args.some((arg) => arg.startsWith('-') && arg.replace(/^-+/, '').split('=', 1)[0] === unknown);
    if (!isFlag) return usage(`unexpected argument ${unknown}`, help);
    const flags = [...Object.keys(command.flags ?? {}), ...Object.keys(commonFlags), 'help', 'version'].map(dashedName);
    return usage(
      `unknown flag --${unknown}`,
      didYouMean(
        `--${unknown}`,
        flags.map((flag) => `--${flag}`),
        help,
      ),
    );
  }
  const [, flag, given] = /Argument: ([\w-]+), Given: "(.*?)", Choices:/.exec(message) ?? [];
  const positional = command.positionals?.[flag ?? ''];
  const option = positional ?? command.flags?.[flag ?? ''] ?? commonFlags[flag as 'logLevel'];
  const choices = option?.choices?.map(String) ?? [];
  if (flag !== undefined && given !== undefined) {
    const name = positional === undefined ? `--${dashedName(flag)}` : flag;
    return usage(
      `${name}: ${JSON.stringify(given)} is none of ${choices.join(', ')}`,
      didYouMean(given, choices, help),
    );
  }
  const [, bare] = /^Not enough arguments following: (.+)$/.exec(message) ?? [];
  if (bare !== undefined) return usage(`--${dashedName(bare)} needs a value`, help);
  if (message.startsWith('Not enough non-option arguments')) {
    return usage(`an argument is missing: regression ${command.usage}`, help);
  }
  return usage(message.replaceAll(/\s*\n\s*/g, ' '), help);
}

function usage(message: string, hint: string): RegressionError {
  return new RegressionError('USAGE', message, { hint });
}

function didYouMean(name: string, known: readonly string[], otherwise: string): string {
  const near = nearestName(name, known);
  return near === undefined ? otherwise : `Did you mean ${near}?`;
}
