/**
 * The one table of options: key, type, default, limits, scope, doc and the Flink key it answers to.
 *
 * Owns: names, defaults and limits of everything a user can set, and the shape in which the engine sees it (what is about clusters is in
 * cluster-options.ts). From the table come
 * types, validation (resolve-options.ts), environment names (option-layers.ts) and docs/guide/options.md (options-page.ts).
 * Does not own: where values come from; a composition root collects them into layers.
 *
 * P1 A default is written here and nowhere else, in the words a user would write.
 * P2 Durations and sizes are never bare numbers in user options; what is switched off is spelled `off`.
 * P3 `scope: 'state'` is baked into what checkpoints hold: it cannot change while the state lives.
 */

import { CLUSTER_OPTIONS, type ResolvedClusterOptions, type ResolvedSchedulerOptions } from './cluster-options.ts'
import type { OptionRow } from './option-row.ts'

const OPTIONS = {
  parallelism: {
    type: 'integer',
    default: '1',
    min: '1',
    max: '32768',
    scope: 'job',
    doc: 'Subtasks of every operator that sets no parallelism of its own. The job needs as many slots for each slot-sharing group.',
    flinkKey: 'parallelism.default',
  },
  maxParallelism: {
    type: 'integer',
    default: 'auto',
    words: ['auto'],
    min: '1',
    max: '32768',
    scope: 'state',
    doc: 'Key groups of every keyed operator: the parallelism can never exceed it while the state lives. `auto` leaves room to grow by half: the next power of two, at least 128.',
    flinkKey: 'pipeline.max-parallelism',
  },
  'checkpoint.interval': {
    type: 'duration',
    default: 'off',
    words: ['off'],
    min: '10ms',
    max: '7d',
    scope: 'job',
    doc: 'Time between the starts of two checkpoints. `off` unless the job enables checkpoints: then nothing survives a failure. A restart reads all input again, and output that a sink had made visible when the failure came is written twice.',
    flinkKey: 'execution.checkpointing.interval',
  },
  'checkpoint.mode': {
    type: 'choice',
    default: 'exactly-once',
    choices: ['exactly-once', 'at-least-once'],
    scope: 'job',
    doc: '`exactly-once` holds an input back behind its barrier until the others have caught up; `at-least-once` does not, and records may count twice after a failure.',
    flinkKey: 'execution.checkpointing.mode',
  },
  'checkpoint.timeout': {
    type: 'duration',
    default: '10m',
    min: '10ms',
    max: '7d',
    scope: 'job',
    doc: 'A checkpoint that takes longer is given up and counts as failed.',
    flinkKey: 'execution.checkpointing.timeout',
  },
  'checkpoint.pauseMin': {
    type: 'duration',
    default: '0ms',
    min: '0ms',
    max: '7d',
    scope: 'job',
    doc: 'Least time between the end of one checkpoint and the start of the next.',
    flinkKey: 'execution.checkpointing.min-pause',
  },
  'checkpoint.concurrentMax': {
    type: 'integer',
    default: '1',
    min: '1',
    max: '16',
    scope: 'job',
    doc: 'Checkpoints that may run at the same time.',
    flinkKey: 'execution.checkpointing.max-concurrent-checkpoints',
  },
  'checkpoint.failuresMax': {
    type: 'integer',
    default: '0',
    min: '0',
    max: '1000000',
    scope: 'job',
    doc: 'Consecutive failed checkpoints that are tolerated; one more restarts the job.',
    flinkKey: 'execution.checkpointing.tolerable-failed-checkpoints',
  },
  'checkpoint.retained': {
    type: 'integer',
    default: '3',
    min: '1',
    max: '1000',
    scope: 'job',
    doc: 'Completed checkpoints that are kept. Older ones are what a corrupt one falls back to.',
    flinkKey: 'execution.checkpointing.num-retained',
  },
  'checkpoint.storage.uri': {
    type: 'uri',
    default: '',
    scope: 'job',
    doc: 'Where checkpoints are kept, e.g. `file:///var/lib/sluice/orders`. Empty: inside the state directory.',
    flinkKey: 'execution.checkpointing.dir',
  },
  'state.localRecovery': {
    type: 'boolean',
    default: 'true',
    scope: 'job',
    doc: 'A TaskManager keeps a copy of what its slots write to checkpoints on its own disk (`taskmanager.localDir`), and restores from it what is there; in Flink also `execution.checkpointing.local-backup.enabled`. Without effect in embedded runs.',
    flinkKey: 'execution.state-recovery.from-local',
  },
  operatorChaining: {
    type: 'boolean',
    default: 'true',
    scope: 'job',
    doc: 'Operators with nothing to exchange between them run as one task of plain calls. `false`: each in a task of its own.',
    flinkKey: 'pipeline.operator-chaining.enabled',
  },
  'restart.strategy': {
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'none', 'fixed-delay', 'failure-rate', 'exponential-delay'],
    scope: 'job',
    doc: 'Whether and when a failed job starts again. `auto`: `exponential-delay` with checkpoints, `none` without.',
    flinkKey: 'restart-strategy.type',
  },
  'restart.attemptsMax': {
    type: 'integer',
    default: 'auto',
    words: ['auto', 'unlimited'],
    min: '0',
    max: '1000000',
    scope: 'job',
    doc: 'Restarts before the job fails for good (`fixed-delay`, `exponential-delay`). `auto`: 1 for `fixed-delay`, `unlimited` for `exponential-delay`.',
    flinkKey: 'restart-strategy.fixed-delay.attempts',
  },
  'restart.delay': {
    type: 'duration',
    default: '1s',
    min: '0ms',
    max: '1d',
    scope: 'job',
    doc: 'Time between a failure and the restart (`fixed-delay`, `failure-rate`).',
    flinkKey: 'restart-strategy.fixed-delay.delay',
  },
  'restart.failuresMax': {
    type: 'integer',
    default: '1',
    min: '1',
    max: '1000000',
    scope: 'job',
    doc: 'Failures within `restart.failureInterval` that are answered by a restart; one more fails the job (`failure-rate`).',
    flinkKey: 'restart-strategy.failure-rate.max-failures-per-interval',
  },
  'restart.failureInterval': {
    type: 'duration',
    default: '1m',
    min: '1ms',
    max: '30d',
    scope: 'job',
    doc: 'Over which time failures are counted (`failure-rate`).',
    flinkKey: 'restart-strategy.failure-rate.failure-rate-interval',
  },
  'restart.backoff.initial': {
    type: 'duration',
    default: '1s',
    min: '1ms',
    max: '1d',
    scope: 'job',
    doc: 'First delay (`exponential-delay`).',
    flinkKey: 'restart-strategy.exponential-delay.initial-backoff',
  },
  'restart.backoff.max': {
    type: 'duration',
    default: '1m',
    min: '1ms',
    max: '1d',
    scope: 'job',
    doc: 'Longest delay (`exponential-delay`).',
    flinkKey: 'restart-strategy.exponential-delay.max-backoff',
  },
  'restart.backoff.multiplier': {
    type: 'number',
    default: '1.5',
    min: '1',
    max: '100',
    scope: 'job',
    doc: 'By how much each delay is longer than the one before (`exponential-delay`).',
    flinkKey: 'restart-strategy.exponential-delay.backoff-multiplier',
  },
  'restart.backoff.jitter': {
    type: 'number',
    default: '0.1',
    min: '0',
    max: '1',
    scope: 'job',
    doc: 'Share of the delay that is added or taken away at random (`exponential-delay`).',
    flinkKey: 'restart-strategy.exponential-delay.jitter-factor',
  },
  'restart.backoff.resetAfter': {
    type: 'duration',
    default: '1h',
    min: '1ms',
    max: '30d',
    scope: 'job',
    doc: 'After this time without a failure the delay starts again at the first one (`exponential-delay`).',
    flinkKey: 'restart-strategy.exponential-delay.reset-backoff-threshold',
  },
  'exchange.buffer.timeout': {
    type: 'duration',
    default: '100ms',
    min: '0ms',
    max: '1h',
    scope: 'job',
    doc: 'Longest time a record waits for its batch to fill before it is sent on. `0ms`: sent at the end of each step.',
    flinkKey: 'execution.buffer-timeout.interval',
  },
  'exchange.batch.recordsMax': {
    type: 'integer',
    default: '512',
    min: '1',
    max: '512',
    scope: 'job',
    doc: 'Most records of one batch between two tasks.',
    flinkKey: 'taskmanager.memory.segment-size',
  },
  'exchange.channel.batchesMax': {
    type: 'integer',
    default: '8',
    min: '1',
    max: '1024',
    scope: 'job',
    doc: 'Batches that may be on their way in one channel before the sender waits (credits).',
    flinkKey: 'taskmanager.network.memory.floating-buffers-per-gate',
  },
  'watermark.interval': {
    type: 'duration',
    default: '200ms',
    min: '1ms',
    max: '1h',
    scope: 'job',
    doc: 'How often sources give out their watermark.',
    flinkKey: 'pipeline.auto-watermark-interval',
  },
  'sink.committer.retries': {
    type: 'integer',
    default: '10',
    min: '0',
    max: '1000000',
    scope: 'job',
    doc: 'How often a committable that a committer wants to try later is tried again, with growing pauses up to 10 s, before the task fails.',
    flinkKey: 'sink.committer.retries',
  },
  'task.deployTimeout': {
    type: 'duration',
    default: '10m',
    min: '100ms',
    max: '7d',
    scope: 'job',
    doc: 'Longest time for building the tasks of the job and reading their state. A job that takes longer restarts.',
  },
  'task.cancellation.timeout': {
    type: 'duration',
    default: '30s',
    min: '1ms',
    max: '1h',
    scope: 'job',
    doc: 'How long tasks may take to stop before their slot thread is ended.',
    flinkKey: 'task.cancellation.timeout',
  },
  'slot.watchdog.timeout': {
    type: 'duration',
    default: '30s',
    min: '100ms',
    max: '1d',
    scope: 'process',
    doc: 'A slot thread that shows no progress for this long counts as hanging and is replaced.',
  },
  'slot.memory.heapMax': {
    type: 'size',
    default: 'auto',
    words: ['auto'],
    min: '32mb',
    max: '1tb',
    scope: 'process',
    doc: 'Heap of one slot thread. `auto`: an equal share of the memory of the machine.',
    flinkKey: 'taskmanager.memory.task.heap.size',
  },
  'report.interval': {
    type: 'duration',
    default: '500ms',
    min: '10ms',
    max: '1m',
    scope: 'process',
    doc: 'How often slots report their counters.',
    flinkKey: 'metrics.fetcher.update-interval',
  },
  ...CLUSTER_OPTIONS,
} as const satisfies Record<string, OptionRow>

/** The name of an option, such as `checkpoint.interval`. All of them: docs/guide/options.md. */
export type OptionKey = keyof typeof OPTIONS

type RowOf<Key extends OptionKey> = (typeof OPTIONS)[Key]
type WordsOf<Row> = Row extends { readonly words: readonly (infer Word)[] } ? Word : never
type PlainOf<Row> = Row extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Row extends { readonly type: 'uri' | 'host' | 'path' }
    ? string
    : Row extends { readonly type: 'boolean' }
      ? boolean
      : number

/** What an option's text means: milliseconds of a duration, bytes of a size, or one of its words. */
export type OptionValue<Key extends OptionKey> = PlainOf<RowOf<Key>> | WordsOf<RowOf<Key>>

export type OptionValues = { readonly [Key in OptionKey]: OptionValue<Key> }

export function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(OPTIONS, key)
}

export const OPTION_KEYS: readonly OptionKey[] = Object.freeze(Object.keys(OPTIONS).filter(isOptionKey))

/** The row of an option without its literal types. */
export function optionRow(key: OptionKey): OptionRow {
  return OPTIONS[key]
}

/** All options of one run with their defaults filled in: required, frozen, with units in the names. */
export interface ResolvedOptions {
  readonly parallelism: number
  /** `auto`: derived from the parallelism. */
  readonly maxParallelism: number | 'auto'
  readonly operatorChaining: boolean
  readonly checkpoint: ResolvedCheckpointOptions
  readonly state: {
    /** Restores from copies on the disk of the TaskManager. */
    readonly localRecovery: boolean
  }
  readonly restart: ResolvedRestartOptions
  readonly exchange: {
    readonly bufferTimeoutMs: number
    readonly batchRecordsMax: number
    /** Batches a sender may have on their way per channel (credits). */
    readonly channelBatchesMax: number
    /** How long data may be on its way between two TaskManagers. */
    readonly debloatTargetMs: number
  }
  readonly watermark: { readonly intervalMs: number }
  readonly sink: {
    /** Tries of one committable beyond the first. */
    readonly committerRetriesMax: number
  }
  readonly task: { readonly cancellationTimeoutMs: number; readonly deployTimeoutMs: number }
  readonly slot: {
    readonly watchdogTimeoutMs: number
    /** `auto`: an equal share of the machine's memory. */
    readonly memoryHeapMaxBytes: number | 'auto'
    readonly startTimeoutMs: number
  }
  readonly report: { readonly intervalMs: number }
  readonly scheduler: ResolvedSchedulerOptions
  readonly cluster: ResolvedClusterOptions
}

interface ResolvedCheckpointOptions {
  readonly intervalMs: number | 'off'
  readonly mode: 'exactly-once' | 'at-least-once'
  readonly timeoutMs: number
  readonly pauseMinMs: number
  readonly concurrentMax: number
  /** Consecutive failed checkpoints that do not fail the job. */
  readonly failuresMax: number
  readonly retained: number
  /** Empty: inside the state directory. */
  readonly storageUri: string
}

export type ResolvedRestartOptions =
  | { readonly strategy: 'none' }
  | FixedDelayOptions
  | FailureRateOptions
  | ExponentialDelayOptions

export interface FixedDelayOptions {
  readonly strategy: 'fixed-delay'
  readonly attemptsMax: number | 'unlimited'
  readonly delayMs: number
}

export interface FailureRateOptions {
  readonly strategy: 'failure-rate'
  readonly failuresMax: number
  readonly failureIntervalMs: number
  readonly delayMs: number
}

export interface ExponentialDelayOptions {
  readonly strategy: 'exponential-delay'
  readonly initialMs: number
  readonly maxMs: number
  readonly multiplier: number
  /** Share of the delay that is added or taken away at random, 0 to 1. */
  readonly jitter: number
  readonly resetAfterMs: number
  readonly attemptsMax: number | 'unlimited'
}
