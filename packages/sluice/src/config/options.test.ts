import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { environmentLayer, environmentName } from './option-layers.ts'
import { OPTION_KEYS, optionRow } from './options.ts'
import { optionsPage } from './options-page.ts'
import { parseOption } from './parse-option.ts'
import { explainOptions, resolveOptions } from './resolve-options.ts'

const layer = (origin: string, values: Record<string, string>) => ({ origin, values })
const resolved = (values: Record<string, string>) => resolveOptions([layer('test', values)])
const messageOf = (values: Record<string, string>): string => {
  try {
    resolved(values)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return 'no error'
}

describe('the table', () => {
  test.each(OPTION_KEYS)('%s has a default and limits that fit its own type', (key) => {
    const { default: byDefault, min, max } = optionRow(key)
    for (const text of [byDefault, min, max]) {
      if (text !== undefined) expect(parseOption(key, text)).toMatchObject({ ok: true })
    }
  })

  test('docs/guide/options.md is what the table says', () => {
    const page = readFileSync(new URL('../../../../docs/guide/options.md', import.meta.url), 'utf8')
    expect(page, 'run: node scripts/node.mjs scripts/options-page.ts').toBe(optionsPage())
  })
})

describe('resolving', () => {
  test('defaults alone give a complete set of options', () => {
    expect(resolveOptions([])).toEqual({
      parallelism: 1,
      maxParallelism: 'auto',
      operatorChaining: true,
      checkpoint: {
        intervalMs: 'off',
        mode: 'exactly-once',
        timeoutMs: 600_000,
        pauseMinMs: 0,
        concurrentMax: 1,
        failuresMax: 0,
        retained: 3,
        storageUri: '',
      },
      state: { localRecovery: true },
      restart: { strategy: 'none' },
      exchange: { bufferTimeoutMs: 100, batchRecordsMax: 512, channelBatchesMax: 8, debloatTargetMs: 1000 },
      watermark: { intervalMs: 200 },
      sink: { committerRetriesMax: 10 },
      task: { cancellationTimeoutMs: 30_000, deployTimeoutMs: 600_000 },
      slot: { watchdogTimeoutMs: 30_000, memoryHeapMaxBytes: 'auto', startTimeoutMs: 60_000 },
      report: { intervalMs: 500 },
      scheduler: {
        mode: 'adaptive',
        slotWaitMs: 10_000,
        restartSlotWaitMs: 1000,
        settleMs: 1000,
        scaleUpDelayMs: 5000,
      },
      cluster: {
        heartbeat: { intervalMs: 1000, timeoutMs: 5000 },
        leader: { renewIntervalMs: 1000, leaseMs: 3500, timeoutMs: 5000 },
        jobManager: { host: '127.0.0.1', port: 6123 },
        rest: { host: '127.0.0.1', port: 8081, bodyBytesMax: 1024 ** 2 },
        taskManager: { slotCount: 1, host: '127.0.0.1', dataPort: 0, localDir: '' },
        metrics: { port: 'off' },
        storage: '',
        artifactBytesMax: 100 * 1024 ** 2,
        frameBytesMax: 64 * 1024 ** 2,
        log: { level: 'info', format: 'text' },
      },
    })
  })

  test('the first layer that names an option wins, and its origin is known', () => {
    const layers = [
      layer('command line', { parallelism: '4' }),
      layer('job "a"', { parallelism: '2', 'checkpoint.interval': '1s' }),
    ]
    expect(resolveOptions(layers)).toMatchObject({ parallelism: 4, checkpoint: { intervalMs: 1000 } })
    expect(explainOptions(layers).slice(0, 3)).toEqual([
      { key: 'parallelism', text: '4', origin: 'command line' },
      { key: 'maxParallelism', text: 'auto', origin: 'default' },
      { key: 'checkpoint.interval', text: '1s', origin: 'job "a"' },
    ])
  })

  test('the restart strategy follows from checkpointing unless it is chosen', () => {
    expect(resolved({ 'checkpoint.interval': '1s' }).restart).toEqual({
      strategy: 'exponential-delay',
      initialMs: 1000,
      maxMs: 60_000,
      multiplier: 1.5,
      jitter: 0.1,
      resetAfterMs: 3_600_000,
      attemptsMax: 'unlimited',
    })
    expect(resolved({ 'restart.strategy': 'fixed-delay' }).restart).toEqual({
      strategy: 'fixed-delay',
      attemptsMax: 1,
      delayMs: 1000,
    })
    expect(resolved({ 'restart.strategy': 'failure-rate', 'restart.failuresMax': '3' }).restart).toEqual({
      strategy: 'failure-rate',
      failuresMax: 3,
      failureIntervalMs: 60_000,
      delayMs: 1000,
    })
    expect(resolved({ 'checkpoint.interval': '1s', 'restart.strategy': 'none' }).restart).toEqual({ strategy: 'none' })
  })

  test('the result is frozen all the way down', () => {
    const options = resolveOptions([])
    expect([options, options.checkpoint, options.restart, options.slot].every(Object.isFrozen)).toBe(true)
  })

  test('an unknown option names the nearest one', () => {
    expect(messageOf({ 'checkpoint.intervall': '1s' })).toBe(
      'option "checkpoint.intervall" (test) is unknown; did you mean "checkpoint.interval"? Nothing was started. ' +
        'See docs/guide/options.md for all options and their limits.',
    )
    expect(messageOf({ interval: '1s' })).toContain('did you mean "checkpoint.interval"?')
    expect(messageOf({ quux: '1s' })).toContain('option "quux" (test) is unknown. Nothing')
  })

  test('a value outside its type or limits says what may stand there', () => {
    expect(messageOf({ 'checkpoint.interval': '1000' })).toContain(
      'option "checkpoint.interval" (test) is "1000", not a duration such as "30s" from 10ms to 7d, or "off".',
    )
    expect(messageOf({ parallelism: '0' })).toContain('not a whole number from 1 to 32768')
    expect(messageOf({ 'checkpoint.mode': 'once' })).toContain('not one of "exactly-once", "at-least-once"')
    expect(messageOf({ 'slot.memory.heapMax': '1mb' })).toContain(
      'not a size such as "64mb" from 32mb to 1tb, or "auto"',
    )
  })

  test('checkpoint storage is a file URI', () => {
    expect(resolved({ 'checkpoint.storage.uri': 'file:///tmp/x' }).checkpoint.storageUri).toBe('file:///tmp/x')
    for (const uri of ['./checkpoints', '/tmp/x', 's3://bucket', 'file://', 'file://host/x']) {
      expect(messageOf({ 'checkpoint.storage.uri': uri })).toContain('not a URI such as "file:///var/lib/sluice"')
    }
  })

  test('hosts are names or addresses without a port', () => {
    for (const host of ['localhost', '0.0.0.0', '::', 'fe80::1%eth0', 'jm-1.example.org'])
      expect(resolved({ 'jobmanager.host': host }).cluster.jobManager.host).toBe(host)
    for (const host of ['', 'localhost:6123', 'http://x', '[::1]', 'a b'])
      expect(messageOf({ 'jobmanager.host': host })).toContain('not a host name or address')
  })

  test('all problems of all layers are reported at once', () => {
    const message = messageOf({ parallelism: 'many', 'restart.delay': '1', nonsense: '' })
    expect(message).toMatch(/^3 options are wrong:\n {2}- .*parallelism.*\n {2}- .*restart\.delay.*\n {2}- .*nonsense/)
    const layers = [layer('command line', { parallelism: '2' }), layer('environment', { parallelism: 'x' })]
    expect(() => resolveOptions(layers)).toThrow('option "parallelism" (environment) is "x"')
  })

  test('options that contradict each other are refused with where they come from', () => {
    const layers = [layer('command line', { maxParallelism: '2' }), layer('job "a"', { parallelism: '4' })]
    expect(() => resolveOptions(layers)).toThrow(
      expect.objectContaining({
        code: 'CFG1003',
        message: expect.stringContaining('(parallelism=4 from job "a", maxParallelism=2 from command line)'),
      }),
    )
    for (const values of [
      { 'restart.backoff.initial': '2m' },
      { 'checkpoint.pauseMin': '1s', 'checkpoint.concurrentMax': '2' },
      { 'report.interval': '1m' },
      { 'heartbeat.interval': '3s' },
      { 'leader.lease': '5s' },
      { 'leader.renewInterval': '2s' },
      { 'jobmanager.port': '8081' },
      { 'taskmanager.dataPort': '65530', 'taskmanager.slots': '8' },
    ]) {
      expect(() => resolved(values)).toThrow(expect.objectContaining({ code: 'CFG1003' }))
    }
  })
})

describe('the environment', () => {
  test('names follow from keys', () => {
    expect(environmentName('checkpoint.interval')).toBe('SLUICE__CHECKPOINT__INTERVAL')
    expect(environmentName('exchange.batch.recordsMax')).toBe('SLUICE__EXCHANGE__BATCH__RECORDS_MAX')
    expect(new Set(OPTION_KEYS.map(environmentName)).size).toBe(OPTION_KEYS.length)
  })

  test('variables become options, others are left alone, misspelt ones are reported', () => {
    const variables = { PATH: '/bin', SLUICE_HOME: '/x', SLUICE__CHECKPOINT__PAUSE_MIN: '1s', SLUICE__NONE: undefined }
    expect(environmentLayer(variables)).toEqual({ origin: 'environment', values: { 'checkpoint.pauseMin': '1s' } })
    expect(() => resolveOptions([environmentLayer({ SLUICE__CHECKPOINT__INTERVALL: '1s' })])).toThrow(
      'option "checkpoint.intervall" (environment) is unknown; did you mean "checkpoint.interval"?',
    )
  })
})
