/**
 * A slot thread from the inside: loads the job, holds the slot's runner, carries its messages.
 *
 * Owns: the runner, the thread's side of all ports. Does not own: when the thread ends (thread-slots.ts).
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { assert, present, unreachable } from '../base/assert.ts'
import type { Env, LineSink } from '../base/env.ts'
import { EngineError, asEngineError, errorToData, messageOf } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { SlotDeployment } from '../control/messages.ts'
import { createDataServer, dataLimits, type DataServer } from '../taskmanager/data-server.ts'
import type { SlotLinks } from '../taskmanager/slot-environment.ts'
import { SlotRunner } from '../taskmanager/slot-runner.ts'
import { LOOP_LIMITS } from '../task/task-loop.ts'
import { loadJobModule, planDefinition, slotSettingsOf, type PlannedJob } from './job-module.ts'
import { createNodeEnv } from './node-env.ts'
import { createNodeNetwork } from './node-network.ts'
import { portLink } from './port-link.ts'
import { SlotCopies } from './slot-copies.ts'
import type { Attachment, FromThread, LinkPort, ThreadData, ThreadNetwork, ToThread } from './thread-messages.ts'
import { OwnVitals, PRINTED_LINES_MAX } from './vitals.ts'

/** Between two beats outside of the task loop; far below the shortest watchdog timeout. */
const BEAT_INTERVAL_MS = 10

export async function runSlotThread(): Promise<void> {
  const port = present(parentPort, 'the port of the slot thread')
  const data: ThreadData = workerData // written by SlotThread only
  const vitals = new OwnVitals(data.vitals)
  setInterval(() => vitals.beat(), BEAT_INTERVAL_MS).unref()
  const outbox = new Outbox(port, vitals)
  const early = holdMessages(port)
  const planned = await plan(data, outbox)
  if (planned === undefined) return
  early.release(slotOf(planned, outbox, vitals))
}

async function plan({ origin }: ThreadData, outbox: Outbox): Promise<PlannedJob | undefined> {
  try {
    return planDefinition(await loadJobModule(origin.url), origin.params, origin.layers)
  } catch (thrown) {
    outbox.post({
      kind: 'load-failed',
      error: errorToData(asEngineError(thrown, 'JOB1001', 'the job cannot be built')),
    })
    return undefined
  }
}

/** Handles the messages to the thread. */
function slotOf(planned: PlannedJob, outbox: Outbox, vitals: OwnVitals): (message: ToThread) => void {
  let slot: AttachedSlot | undefined
  return (message) => {
    switch (message.kind) {
      case 'attach':
        assert(slot === undefined, 'a slot was attached twice')
        slot = attachSlot(planned, message.attachment, { outbox, vitals })
        return
      case 'message':
        return present(slot, 'the slot of the thread').onMessage(message)
      default:
        return unreachable('a message to a slot thread', message)
    }
  }
}

interface AttachedSlot {
  onMessage(message: Extract<ToThread, { kind: 'message' }>): void
}

interface ThreadEnds {
  readonly outbox: Outbox
  readonly vitals: OwnVitals
}

function attachSlot(
  { graph, options }: PlannedJob,
  attachment: Attachment,
  { outbox, vitals }: ThreadEnds,
): AttachedSlot {
  const { network } = attachment
  const env = createNodeEnv({
    stdout: outbox,
    network: createNodeNetwork(network?.tls === undefined ? {} : { tls: network.tls }),
  })
  const { storage, copies } = storageOf(attachment, env, { outbox, localRecovery: options.state.localRecovery })
  const runner = new SlotRunner({
    env,
    graph,
    settings: slotSettingsOf(options),
    storage,
    progress: vitals,
    limits: LOOP_LIMITS,
    send: (message) => {
      outbox.post({ kind: 'message', message })
      copies?.onSent(message)
    },
    mayCommit: () => vitals.mayCommit(),
  })
  const data = network === undefined ? undefined : dataServerOf(env, network, options.slot.watchdogTimeoutMs)
  if (data === undefined || network === undefined) runner.ready()
  else void whenListening(data, network.host, { outbox, onReady: () => runner.ready() })
  return {
    onMessage: ({ message, links }) => {
      copies?.onMessage(message)
      if (message.kind === 'deploy') runner.onMessage(message, linksOf(message.deployment, links, data))
      else runner.onMessage(message)
    },
  }
}

interface SlotStorage {
  /** Undefined when checkpointing is off. */
  readonly storage: SnapshotStorage | undefined
  readonly copies: SlotCopies | undefined
}

interface StorageTerms {
  readonly outbox: Outbox
  readonly localRecovery: boolean
}

function storageOf(
  { storageRoot, copyFolder }: Attachment,
  env: Env,
  { outbox, localRecovery }: StorageTerms,
): SlotStorage {
  if (storageRoot === undefined) return { storage: undefined, copies: undefined }
  const storage = new DirectoryStore({ disk: env.disk, root: storageRoot, random: env.random })
  if (copyFolder === undefined || !localRecovery) return { storage, copies: undefined }
  const note = (text: string): void => outbox.post({ kind: 'note', text })
  const copies = new SlotCopies({ env, storage, folder: copyFolder, note })
  return { storage: copies.storage, copies }
}

function dataServerOf(env: Env, network: ThreadNetwork, watchdogTimeoutMs: number): DataServer {
  const { allocation, listenHost, port, secret, frameBytesMax } = network
  return createDataServer({
    env,
    secret: secret === undefined ? undefined : new Secret(secret),
    self: allocation,
    listen: { host: listenHost, port },
    limits: dataLimits(watchdogTimeoutMs, frameBytesMax),
  })
}

/** A thread that cannot take connections is of no use: its end tells why. */
async function whenListening(
  data: DataServer,
  host: string,
  { outbox, onReady }: { readonly outbox: Outbox; readonly onReady: () => void },
): Promise<void> {
  try {
    const { port } = await data.start()
    outbox.post({ kind: 'listening', data: { host, port } })
  } catch (thrown) {
    return outbox.post({ kind: 'load-failed', error: errorToData(cannotListen(thrown)) })
  }
  onReady()
}

/** The job may find another slot, or the port free, when it starts again. */
function cannotListen(thrown: unknown): EngineError {
  if (thrown instanceof EngineError) return thrown
  return new EngineError(
    'NET1005',
    `a slot cannot take data connections: ${messageOf(thrown)}. The slot is not started. ` +
      'Give its TaskManager ports that are free with --data-port (0: any), and with --host a name or an address of its own machine.',
    { cause: thrown },
  )
}

function linksOf(deployment: SlotDeployment, ports: readonly LinkPort[], data: DataServer | undefined): SlotLinks {
  const inProcess = ports.map(({ slot, port }) => [slot, portLink(port)] as const)
  return new Map([...inProcess, ...(data?.linksFor(deployment) ?? [])])
}

/** Keeps messages that come while the job is being loaded. */
function holdMessages(port: MessagePort): { release(handle: (message: ToThread) => void): void } {
  const held: ToThread[] = []
  let handle = (message: ToThread): void => void held.push(message)
  port.on('message', (message: ToThread) => handle(message))
  return {
    release(next) {
      handle = next
      for (const message of held.splice(0)) next(message)
    },
  }
}

/** Everything the thread says, in one order: lines printed before a message arrive before it. */
class Outbox implements LineSink {
  readonly #port: MessagePort
  readonly #vitals: OwnVitals
  #lines: string[] = []

  constructor(port: MessagePort, vitals: OwnVitals) {
    this.#port = port
    this.#vitals = vitals
  }

  post(message: FromThread): void {
    this.#flush()
    this.#port.postMessage(message, [])
  }

  writeLine(line: string): void {
    if (this.#lines.length === 0) setImmediate(() => this.#flush())
    this.#lines.push(line)
    if (this.#lines.length >= LINES_PER_MESSAGE) this.#flush()
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#vitals.beforeLines(lines.length)
    const message: FromThread = { kind: 'print', lines }
    this.#port.postMessage(message, [])
  }
}

const LINES_PER_MESSAGE = PRINTED_LINES_MAX / 8
