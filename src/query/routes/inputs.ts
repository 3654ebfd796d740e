/** `GET /api/v1/inputs`: what is followed and how far, what is known of each file generation, and what is lost. For `status`, `doctor`, `verify`. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Counter } from 'prom-client';
import { z } from 'zod';
import type { FollowedStatus } from '../../inputs/input.ts';
import type { StoredGap, StoredPosition } from '../../record/batch.ts';
import { damageText } from '../../store/damage.ts';
import type { QueryContext } from '../context.ts';
import { problems } from '../schemas.ts';

const parameters = {
  path: z.string().min(1).optional().describe('Only what concerns this file: its absolute path'),
  device: z
    .string()
    .regex(/^\d+$/)
    .optional()
    .describe('With `inode`: also generations of this inode, whatever their path'),
  inode: z.string().regex(/^\d+$/).optional(),
};

const fileSchema = z.object({
  path: z.string(),
  real_path: z.string().nullable().describe('Where it is, if elsewhere: renamed, a copy, the target of a link'),
  generation: z.string().describe("Names one life of a file's content"),
  device: z.string(),
  inode: z.string(),
  encoding: z.string(),
  format: z.string().describe('What its entries are read as, e.g. `json` or `cri json`'),
  state: z.enum(['followed', 'rotated', 'deleted']),
  offset: z.int().describe('Bytes handed on in whole lines'),
  waiting_bytes: z.int().describe('Bytes of a line that waits for its end'),
  unread_bytes: z.int(),
  is_open: z.boolean(),
  last_error: z.string().nullable(),
});

const generationSchema = z.object({
  generation: z.string(),
  path: z.string(),
  real_path: z.string().nullable(),
  device: z.string(),
  inode: z.string(),
  fingerprint: z.string().describe('SHA-256 of the first `fingerprint_bytes` bytes'),
  fingerprint_bytes: z.int(),
  check: z.object({ end: z.int(), bytes: z.int(), sha256: z.string() }).nullable(),
  start_offset: z.int(),
  offset: z.int().describe('Bytes stored (or dropped on purpose), as committed'),
  is_ended: z.boolean(),
  is_inside_line: z.boolean(),
  lines: z.int(),
  rows: z.int(),
  updated_at: z.string(),
});

export const inputsSchema = z.object({
  is_running: z.boolean().describe('False when the data directory is read without a daemon'),
  inputs: z.array(
    z.object({
      name: z.string().describe('As its metrics call it'),
      describes: z.string(),
      lines_read: z.int().describe('Since the start'),
      bytes_read: z.int().describe('Since the start'),
      dropped: z
        .record(z.string(), z.int())
        .describe('Lines and datagrams that were not stored since the start, by reason; as its metrics have it'),
      unread_bytes: z.int().nullable().describe('How far it is behind its files; null for what has none'),
      include: z.array(z.string()).nullable(),
      exclude: z.array(z.string()).nullable(),
      watcher: z.object({ kind: z.enum(['watching', 'scanning']), reason: z.string().nullable() }).nullable(),
      scan_seconds: z.number().nullable(),
      open_files: z.int().nullable(),
    }),
  ),
  files: z.array(fileSchema),
  left_out: z
    .array(
      z.object({
        path: z.string(),
        reason: z.string(),
        code: z.string().nullable().describe("The system's error, when it does not let the daemon read it: EACCES"),
      }),
    )
    .describe('Files that inputs name and that are not followed, and why; a thousand an input at most'),
  generations: z.array(generationSchema),
  forgotten: z
    .object({ generations: z.int(), lines: z.int(), rows: z.int() })
    .describe(
      'Generations whose files are long gone: their positions are forgotten, what was stored of them is summed up here',
    ),
  gaps: z.array(
    z.object({
      generation: z.string(),
      path: z.string(),
      start_offset: z.int(),
      end_offset: z.int().nullable().describe('Exclusive; null when nobody can know'),
      reason: z.string(),
      found_at: z.string(),
    }),
  ),
  store_damage: z
    .array(z.object({ text: z.string(), set_aside_as: z.string(), lost_rows: z.int().nullable() }))
    .describe('Database files that could not be used; `lost_rows` is null when nobody can know'),
});

export type InputsAnswer = z.output<typeof inputsSchema>;

export function inputRoutes(context: QueryContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/inputs',
      {
        config: { scope: 'admin' },
        schema: {
          operationId: 'inputs',
          summary: 'What is followed, how far it has been read, and what is lost',
          tags: ['operation'],
          security: [{ bearer: [] }],
          querystring: z.strictObject(parameters),
          response: { 200: inputsSchema.describe('Inputs, files and generations'), ...problems },
        },
      },
      async (request) => {
        const { path, device, inode } = request.query;
        const inputs = context.inputs?.() ?? [];
        const isMeant = (file: { path: string; real_path?: string | null; device?: string; inode?: string }): boolean =>
          path === undefined ||
          file.path === path ||
          file.real_path === path ||
          (inode !== undefined && file.inode === inode && file.device === device);
        const generations = (await context.store.positions()).map(generationOf).filter(isMeant);
        const lines = await countsByInput(context.metrics.linesRead);
        const bytes = await countsByInput(context.metrics.bytesRead);
        const dropped = await droppedByInput(context.metrics.dropped);
        const ids = new Set(generations.map(({ generation }) => generation));
        return {
          is_running: context.inputs !== undefined,
          inputs: inputs.map(({ name, describes, files }) => ({
            name,
            describes,
            lines_read: lines.get(name) ?? 0,
            bytes_read: bytes.get(name) ?? 0,
            dropped: dropped.get(name) ?? {},
            unread_bytes: files === null ? null : files.files.reduce((sum, { unreadBytes }) => sum + unreadBytes, 0),
            include: files === null ? null : [...files.include],
            exclude: files === null ? null : [...files.exclude],
            watcher: files?.watcher ?? null,
            scan_seconds: files?.scanSeconds ?? null,
            open_files: files?.openFiles ?? null,
          })),
          files: inputs.flatMap(({ files }) => (files?.files ?? []).map(fileOf)).filter(isMeant),
          left_out: inputs.flatMap(({ files }) => [...(files?.leftOut ?? [])]).filter(isMeant),
          generations,
          forgotten: await context.store.state.forgottenGenerations(),
          gaps: (await context.store.gaps()).filter((gap) => isMeant(gap) || ids.has(gap.generation)).map(gapOf),
          store_damage: (await context.store.state.damages()).map((damage) => ({
            text: damageText(damage),
            set_aside_as: damage.setAsideAs,
            lost_rows: damage.lostRows,
          })),
        };
      },
    );
  };
}

async function countsByInput(counter: Counter<'input'>): Promise<ReadonlyMap<string, number>> {
  const { values } = await counter.get();
  return new Map(values.map(({ labels, value }) => [String(labels.input), value]));
}

async function droppedByInput(
  counter: Counter<'input' | 'reason'>,
): Promise<ReadonlyMap<string, Record<string, number>>> {
  const byInput = new Map<string, Record<string, number>>();
  for (const { labels, value } of (await counter.get()).values) {
    const input = String(labels.input);
    if (value > 0) byInput.set(input, { ...byInput.get(input), [String(labels.reason)]: value });
  }
  return byInput;
}

function fileOf(file: FollowedStatus): z.output<typeof fileSchema> {
  const { realPath, waitingBytes, unreadBytes, isOpen, lastError, ...same } = file;
  return {
    ...same,
    real_path: realPath,
    waiting_bytes: waitingBytes,
    unread_bytes: unreadBytes,
    is_open: isOpen,
    last_error: lastError,
  };
}

function generationOf(position: StoredPosition): z.output<typeof generationSchema> {
  const { generation, path, device, inode, fingerprint, offset, lines, rows, evidence } = position;
  return {
    generation,
    path,
    real_path: evidence?.realPath ?? null,
    device,
    inode,
    fingerprint,
    fingerprint_bytes: position.fingerprintBytes,
    check: evidence?.check ?? null,
    start_offset: position.startOffset ?? 0,
    offset,
    is_ended: position.isEnded,
    is_inside_line: evidence?.insideLineAt === offset,
    lines,
    rows,
    updated_at: position.updatedAt,
  };
}

function gapOf({ generation, path, startOffset, endOffset, reason, foundAt }: StoredGap) {
  return { generation, path, start_offset: startOffset, end_offset: endOffset, reason, found_at: foundAt };
}
