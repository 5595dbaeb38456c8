/**
 * Chaos with real processes: two JobManagers and three TaskManagers on one folder, killed, stopped, cut off and out of disk at random
 * moments; then what their jobs committed is compared with a batch computation, and the times of recovery are printed.
 *
 *   npm run chaos [-- --minutes N | --faults N] [--seed S] [--kinds a,b] [--netns auto|on|off] [--json] [--keep]
 */
import { parseArgs } from 'node:util'
import { FAULT_KINDS, type FaultKind } from './chaos-faults.ts'
import type { NetnsMode } from './chaos-hosts.ts'
import { distributions, isGood, reportText } from './chaos-report.ts'
import { runChaos } from './chaos-run.ts'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    /** Of each kind. */
    faults: { type: 'string' },
    minutes: { type: 'string' },
    kinds: { type: 'string', default: FAULT_KINDS.join(',') },
    netns: { type: 'string', default: 'auto' },
    rate: { type: 'string', default: '3000' },
    keys: { type: 'string', default: '48000' },
    'value-size': { type: 'string', default: '1600' },
    'flights-rate': { type: 'string', default: '20000' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

/** Longer than the leases and timeouts by default: a zombie that wakes up is one. */
const BEYOND_LEASES_MS = 9000
/** More than there is time for. */
const MANY = 1000

function faultsOf(): Partial<Record<FaultKind, number>> {
  const count = flags.faults === undefined ? (flags.minutes === undefined ? 1 : MANY) : whole('faults', flags.faults)
  const kinds = flags.kinds.split(',').map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name)
    if (kind === undefined) fail(`--kinds ${name}: there are ${FAULT_KINDS.join(', ')}`)
    return kind
  })
  return Object.fromEntries(kinds.map((kind) => [kind, count]))
}

function netnsOf(): NetnsMode {
  const { netns } = flags
  if (netns === 'auto' || netns === 'on' || netns === 'off') return netns
  return fail(`--netns ${netns}: auto, on or off`)
}

function whole(name: string, text: string): number {
  const value = Number(text)
  return Number.isSafeInteger(value) && value > 0 ? value : fail(`--${name} ${text}: a whole number above 0 is needed`)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}

const note = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 23)}  ${text}\n`)
const seed = whole('seed', flags.seed)
note(`seed ${seed}`)
const { report, folder } = await runChaos({
  seed,
  faults: faultsOf(),
  minutesMax: flags.minutes === undefined ? Infinity : whole('minutes', flags.minutes),
  netns: netnsOf(),
  settings: {},
  beyondLeasesMs: BEYOND_LEASES_MS,
  keyed: {
    rate: whole('rate', flags.rate),
    keys: whole('keys', flags.keys),
    valueSize: whole('value-size', flags['value-size']),
    interval: '2s',
  },
  flightsRate: flags['flights-rate'] === '0' ? undefined : whole('flights-rate', flags['flights-rate']),
  jitterMs: 2000,
  folder: flags.keep ? 'keep' : 'remove',
  note,
})
process.stdout.write(
  flags.json
    ? `${JSON.stringify({ ...report, isGood: isGood(report), distributions: distributions(report) })}\n`
    : `${report.machine}, seed ${seed}\n${reportText(report)}\n`,
)
if (!isGood(report) || flags.keep) note(`kept for you to look at: ${folder}`)
process.exitCode = isGood(report) ? 0 : 1
