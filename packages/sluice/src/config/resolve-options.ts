/**
 * From layers of text to the options of one run.
 *
 * R1 The first layer that names an option wins: command line, then environment, then what the job sets, then the default.
 * R2 All problems of all layers are reported at once; a value that is overridden is checked too.
 * R3 The result is frozen, complete, and has units in its names.
 */
import { EngineError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { deepFreeze } from '../base/freeze.ts'
import { recordOf } from '../base/record-of.ts'
import type { ResolvedClusterOptions } from './cluster-options.ts'
import { nearestName } from './nearest-name.ts'
import type { OptionLayer } from './option-layers.ts'
import { parseOption } from './parse-option.ts'
import {
  OPTION_KEYS,
  isOptionKey,
  optionRow,
  type OptionKey,
  type OptionValues,
  type ResolvedOptions,
  type ResolvedRestartOptions,
} from './options.ts'

/** One option with its text and where it comes from: what `config show` prints. */
export interface OptionSetting {
  readonly key: OptionKey
  readonly text: string
  readonly origin: string
}

interface Problem {
  readonly code: ErrorCode
  readonly text: string
}

/**
 * The options of one run.
 *
 * @param layers strongest first
 * @throws CFG1001, CFG1002 or CFG1003 with every problem in the message
 */
export function resolveOptions(layers: readonly OptionLayer[]): ResolvedOptions {
  const problems = layers.flatMap(problemsOf)
  if (problems.length > 0) throw asError(problems)
  const settings = explainOptions(layers)
  const values = valuesOf(settings)
  const contradictions = CROSS_RULES.flatMap((rule) => rule(values))
  if (contradictions.length > 0) {
    throw asError(contradictions.map((text) => ({ code: 'CFG1003', text: withOrigins(text, settings) })))
  }
  return deepFreeze(structureOf(values))
}

/** Every option with its text and origin. Checks nothing. */
export function explainOptions(layers: readonly OptionLayer[]): readonly OptionSetting[] {
  return OPTION_KEYS.map((key) => {
    const layer = layers.find(({ values }) => Object.hasOwn(values, key))
    return { key, text: layer?.values[key] ?? optionRow(key).default, origin: layer?.origin ?? 'default' }
  })
}

function problemsOf(layer: OptionLayer): Problem[] {
  return Object.entries(layer.values).flatMap(([key, text]): Problem[] => {
    if (!isOptionKey(key)) return [unknownOption(key, layer.origin)]
    const parsed = parseOption(key, text)
    if (parsed.ok) return []
    return [
      { code: 'CFG1002', text: `option "${key}" (${layer.origin}) is ${JSON.stringify(text)}, not ${parsed.expected}` },
    ]
  })
}

function unknownOption(key: string, origin: string): Problem {
  const nearest = nearestName(key, OPTION_KEYS)
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`
  return { code: 'CFG1001', text: `option "${key}" (${origin}) is unknown${hint}` }
}

function asError(problems: readonly Problem[]): EngineError {
  const code = problems[0]?.code ?? 'CFG1002'
  const [first, ...others] = problems.map(({ text }) => text)
  const list =
    others.length === 0
      ? `${first}`
      : `${problems.length} options are wrong:\n  - ${[first, ...others].join('\n  - ')}\n`
  const end = list.endsWith('?') || list.endsWith('\n') ? ' ' : '. '
  return new EngineError(
    code,
    `${list}${end}Nothing was started. See docs/guide/options.md for all options and their limits.`,
  )
}

function valuesOf(settings: readonly OptionSetting[]): OptionValues {
  const entries = settings.map(({ key, text }): [string, unknown] => {
    const parsed = parseOption(key, text)
    if (!parsed.ok)
      throw asError([{ code: 'CFG1002', text: `option "${key}" is ${JSON.stringify(text)}, not ${parsed.expected}` }])
    return [key, parsed.value]
  })
  return recordOf<OptionValues>(entries) // every key of the table is there, each with a value of its own row
}

type CrossRule = (values: OptionValues) => string[]

const CROSS_RULES: readonly CrossRule[] = [
  ({ parallelism, maxParallelism }) =>
    maxParallelism !== 'auto' && parallelism > maxParallelism
      ? [`"parallelism" is ${parallelism}, above "maxParallelism" ${maxParallelism}`]
      : [],
  (values) =>
    values['restart.backoff.initial'] > values['restart.backoff.max']
      ? ['"restart.backoff.initial" is longer than "restart.backoff.max"']
      : [],
  (values) =>
    values['checkpoint.pauseMin'] > 0 && values['checkpoint.concurrentMax'] > 1
      ? ['"checkpoint.pauseMin" asks for a pause between checkpoints, "checkpoint.concurrentMax" for several at a time']
      : [],
  (values) =>
    values['report.interval'] >= values['slot.watchdog.timeout']
      ? ['"report.interval" is not shorter than "slot.watchdog.timeout": every slot would seem to hang']
      : [],
  (values) =>
    values['heartbeat.interval'] * BEATS_BEFORE_TIMEOUT > values['heartbeat.timeout']
      ? [
          '"heartbeat.timeout" is not at least twice as long as "heartbeat.interval": one lost beat would end a TaskManager',
        ]
      : [],
  (values) =>
    values['leader.renewInterval'] * BEATS_BEFORE_TIMEOUT > values['leader.lease']
      ? [
          '"leader.lease" is not at least twice as long as "leader.renewInterval": one slow renewal would end a leadership',
        ]
      : [],
  (values) =>
    values['leader.lease'] >= values['leader.timeout']
      ? ['"leader.lease" is not shorter than "leader.timeout": two JobManagers could lead at once']
      : [],
  (values) =>
    values['jobmanager.port'] !== 0 && values['jobmanager.port'] === values['rest.port']
      ? ['"jobmanager.port" and "rest.port" are the same: they are two different services']
      : [],
  (values) =>
    values['taskmanager.dataPort'] + values['taskmanager.slots'] > PORT_LIMIT
      ? ['"taskmanager.dataPort" leaves no room for one port for each of "taskmanager.slots"']
      : [],
]

/** Of heartbeats and renewals one may come late. */
const BEATS_BEFORE_TIMEOUT = 2
const PORT_LIMIT = 65_536

function withOrigins(text: string, settings: readonly OptionSetting[]): string {
  const named = settings.filter(({ key }) => text.includes(`"${key}"`))
  return `${text} (${named.map((setting) => `${setting.key}=${setting.text} from ${setting.origin}`).join(', ')})`
}

function structureOf(values: OptionValues): ResolvedOptions {
  return {
    parallelism: values.parallelism,
    maxParallelism: values.maxParallelism,
    operatorChaining: values.operatorChaining,
    checkpoint: {
      intervalMs: values['checkpoint.interval'],
      mode: values['checkpoint.mode'],
      timeoutMs: values['checkpoint.timeout'],
      pauseMinMs: values['checkpoint.pauseMin'],
      concurrentMax: values['checkpoint.concurrentMax'],
      failuresMax: values['checkpoint.failuresMax'],
      retained: values['checkpoint.retained'],
      storageUri: values['checkpoint.storage.uri'],
    },
    state: { localRecovery: values['state.localRecovery'] },
    restart: restartOf(values),
    exchange: {
      bufferTimeoutMs: values['exchange.buffer.timeout'],
      batchRecordsMax: values['exchange.batch.recordsMax'],
      channelBatchesMax: values['exchange.channel.batchesMax'],
      debloatTargetMs: values['exchange.debloat.target'],
    },
    watermark: { intervalMs: values['watermark.interval'] },
    sink: { committerRetriesMax: values['sink.committer.retries'] },
    task: {
      cancellationTimeoutMs: values['task.cancellation.timeout'],
      deployTimeoutMs: values['task.deployTimeout'],
    },
    slot: {
      watchdogTimeoutMs: values['slot.watchdog.timeout'],
      memoryHeapMaxBytes: values['slot.memory.heapMax'],
      startTimeoutMs: values['slot.startTimeout'],
    },
    report: { intervalMs: values['report.interval'] },
    scheduler: {
      mode: values['scheduler.mode'],
      slotWaitMs: values['scheduler.slotWait'],
      restartSlotWaitMs: values['scheduler.restartSlotWait'],
      settleMs: values['scheduler.settle'],
      scaleUpDelayMs: values['scheduler.scaleUpDelay'],
    },
    cluster: clusterOf(values),
  }
}

function clusterOf(values: OptionValues): ResolvedClusterOptions {
  return {
    heartbeat: { intervalMs: values['heartbeat.interval'], timeoutMs: values['heartbeat.timeout'] },
    leader: {
      renewIntervalMs: values['leader.renewInterval'],
      leaseMs: values['leader.lease'],
      timeoutMs: values['leader.timeout'],
    },
    jobManager: { host: values['jobmanager.host'], port: values['jobmanager.port'] },
    rest: { host: values['rest.host'], port: values['rest.port'], bodyBytesMax: values['rest.bodyBytesMax'] },
    taskManager: {
      slotCount: values['taskmanager.slots'],
      host: values['taskmanager.host'],
      dataPort: values['taskmanager.dataPort'],
      localDir: values['taskmanager.localDir'],
    },
    metrics: { port: values['metrics.port'] },
    storage: values['cluster.storage'],
    artifactBytesMax: values['artifact.bytesMax'],
    frameBytesMax: values['network.frameBytesMax'],
    log: { level: values['log.level'], format: values['log.format'] },
  }
}

function restartOf(values: OptionValues): ResolvedRestartOptions {
  const attemptsMax = values['restart.attemptsMax']
  const delayMs = values['restart.delay']
  const strategy = strategyOf(values)
  if (strategy === 'none') return { strategy }
  if (strategy === 'fixed-delay') return { strategy, attemptsMax: attemptsMax === 'auto' ? 1 : attemptsMax, delayMs }
  if (strategy === 'failure-rate') {
    return {
      strategy,
      failuresMax: values['restart.failuresMax'],
      failureIntervalMs: values['restart.failureInterval'],
      delayMs,
    }
  }
  return {
    strategy,
    initialMs: values['restart.backoff.initial'],
    maxMs: values['restart.backoff.max'],
    multiplier: values['restart.backoff.multiplier'],
    jitter: values['restart.backoff.jitter'],
    resetAfterMs: values['restart.backoff.resetAfter'],
    attemptsMax: attemptsMax === 'auto' ? 'unlimited' : attemptsMax,
  }
}

function strategyOf(values: OptionValues): ResolvedRestartOptions['strategy'] {
  const chosen = values['restart.strategy']
  if (chosen !== 'auto') return chosen
  return values['checkpoint.interval'] === 'off' ? 'none' : 'exponential-delay'
}
