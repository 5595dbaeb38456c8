/**
 * Runs the slots of a TaskManager as threads of this process: docs/spec/slot-threads.md, "In a TaskManager".
 *
 * Owns: the threads' lives, the ports between threads of one job, the lease that the threads see. Does not own: which slots there are
 * (taskmanager/slot-table.ts), data connections to other processes (each thread has its own data server).
 *
 * T1 A thread may commit only while the lease that was told last holds; one that was told to end never again, whatever it still does.
 * T2 A slot is told as lost when its thread has really ended, or is stuck (TSK1006); once, and not after `end`.
 */
import { pathToFileURL } from 'node:url'
import { present } from '../base/assert.ts'
import type { Clock } from '../base/env.ts'
import { errorToData, type EngineError } from '../base/errors.ts'
import type { JobId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'
import type { LaunchedSlot, SlotEnd, SlotLaunch, SlotLauncher, SlotListener } from '../taskmanager/slot-launcher.ts'
import { heapLimitOf, optionsBeforeJob } from './launch.ts'
import { LocalCopyFolders } from './local-copy-folders.ts'
import type { TlsOptions } from './node-network.ts'
import { createPortPairs, postToSlot, type PortPairs } from './port-pairs.ts'
import { lossBy, threadStuck } from './slot-thread-errors.ts'
import { END_WAIT_MAX_MS, SlotThread, type ThreadOutput } from './slot-thread-handle.ts'
import type { Attachment, ThreadNetwork } from './thread-messages.ts'
import { watchThread } from './thread-watch.ts'

export interface ThreadSlotLauncherOptions {
  /** Slots that share the memory of this machine. */
  readonly slotCount: number
  /** Where slots take data connections: the address of this machine for other TaskManagers. */
  readonly host: string
  /** Where they listen when that is another place, such as every address. Default: `host`. */
  readonly listenHost?: string
  /** First of the ports for data connections, one for each slot; 0: any free ones. Default 0. */
  readonly dataPort?: number
  readonly secret: Secret | undefined
  readonly tls: TlsOptions | undefined
  readonly frameBytesMax: number
  readonly output: ThreadOutput
  /** Where local copies of checkpoints are kept, for jobs that want them. Default: nowhere. */
  readonly copyRoot?: string
  /** What slots have to say for the log. */
  readonly onNote?: (text: string) => void
  /** The clock of the TaskManager. */
  readonly clock: Clock
  /** `off` under a debugger; else what the job sets. */
  readonly watchdog: 'on' | 'off'
  /** How long a thread may take to end; default: END_WAIT_MAX_MS. */
  readonly endWaitMaxMs?: number
}

export function createThreadSlotLauncher(options: ThreadSlotLauncherOptions): SlotLauncher {
  return new ThreadSlotLauncher(options)
}

const NS_PER_MS = 1_000_000
/** Of a lease that is over, in nanoseconds. */
const OVER = 0n

/** The threads of one job. */
interface JobThreads {
  readonly pairs: PortPairs
  readonly slots: Set<ThreadSlot>
}

class ThreadSlotLauncher implements SlotLauncher {
  readonly #options: ThreadSlotLauncherOptions
  readonly #jobs = new Map<JobId, JobThreads>()
  readonly #portsInUse = new Set<number>()
  readonly #copies: LocalCopyFolders | undefined
  #leaseNs = OVER

  constructor(options: ThreadSlotLauncherOptions) {
    this.#options = options
    this.#copies = options.copyRoot === undefined ? undefined : new LocalCopyFolders(options.copyRoot)
  }

  launch(launch: SlotLaunch, listener: SlotListener): LaunchedSlot {
    const { job } = launch.spec
    const threads = this.#jobs.get(job) ?? { pairs: createPortPairs(), slots: new Set() }
    this.#jobs.set(job, threads)
    const thread = this.#start(launch)
    const slot = new ThreadSlot({
      thread,
      pairs: threads.pairs,
      endWaitMaxMs: this.#options.endWaitMaxMs ?? END_WAIT_MAX_MS,
      listener,
      onOver: () => this.#forget(job, slot),
      onReleased: () => {
        if (!this.#jobs.has(job)) void this.#copies?.release(job, thread.gone)
      },
      onNote: (text) => this.#options.onNote?.(`slot ${launch.slot} of job "${launch.spec.name}" ${text}`),
    })
    threads.slots.add(slot)
    slot.leaseUntil(this.#leaseNs)
    const copyFolder = this.#copies?.take(job, (other) => this.#jobs.has(other))
    slot.attach({
      storageRoot: launch.spec.storageRoot,
      network: this.#networkOf(launch, thread),
      ...(copyFolder === undefined ? {} : { copyFolder }),
    })
    return slot
  }

  leaseUntil(untilMs: number | 'over'): void {
    this.#leaseNs = untilMs === 'over' ? OVER : this.#toSharedClock(untilMs)
    for (const { slots } of this.#jobs.values()) for (const slot of slots) slot.leaseUntil(this.#leaseNs)
  }

  /** The shared clock is read first: a pause between the two readings makes the lease shorter, not longer. */
  #toSharedClock(untilMs: number): bigint {
    const nowNs = process.hrtime.bigint()
    const leftMs = untilMs - this.#options.clock.monotonicMs()
    return nowNs + BigInt(Math.floor(leftMs * NS_PER_MS))
  }

  #start({ spec, slot, artifactPath }: SlotLaunch): SlotThread {
    const { slotCount, output, endWaitMaxMs = END_WAIT_MAX_MS, watchdog } = this.#options
    const options = optionsBeforeJob(spec.layers)
    const thread = new SlotThread({
      slot,
      origin: {
        url: pathToFileURL(present(artifactPath, 'the bundle of a job that runs in threads')).href,
        params: spec.params,
        layers: spec.layers,
      },
      heapLimit: heapLimitOf(options, slotCount),
      output,
      endWaitMaxMs,
    })
    if (watchdog === 'on' && options !== undefined) watchThread(thread, options.slot.watchdogTimeoutMs)
    return thread
  }

  #networkOf({ allocation }: SlotLaunch, thread: SlotThread): ThreadNetwork {
    const { host, listenHost = host, secret, tls, frameBytesMax } = this.#options
    const port = this.#takePort(thread)
    return { allocation, host, listenHost, port, secret: secret?.reveal(), tls, frameBytesMax }
  }

  /** The lowest that no living thread has: one that is ending may still hold its own. */
  #takePort(thread: SlotThread): number {
    const { dataPort = 0 } = this.#options
    if (dataPort === 0) return 0
    let port = dataPort
    while (this.#portsInUse.has(port)) port += 1
    this.#portsInUse.add(port)
    void thread.gone.then((end) => end === 'ended' && this.#portsInUse.delete(port))
    return port
  }

  #forget(job: JobId, slot: ThreadSlot): void {
    const threads = this.#jobs.get(job)
    threads?.slots.delete(slot)
    if (threads === undefined || threads.slots.size > 0) return
    threads.pairs.close()
    this.#jobs.delete(job)
  }
}

interface ThreadSlotOptions {
  readonly thread: SlotThread
  readonly pairs: PortPairs
  readonly endWaitMaxMs: number
  readonly listener: SlotListener
  /** It was told to end, or has ended. May be called again. */
  readonly onOver: () => void
  /** It was told to end in silence: it is not needed any more. */
  readonly onReleased: () => void
  readonly onNote: (text: string) => void
}

class ThreadSlot implements LaunchedSlot {
  readonly #options: ThreadSlotOptions
  #state: 'living' | 'killed' | 'over' = 'living'

  constructor(options: ThreadSlotOptions) {
    this.#options = options
  }

  attach(attachment: Attachment): void {
    const { thread, onNote } = this.#options
    thread.attach(
      { onMessage: (message) => this.#onMessage(message), onLost: (error) => this.#lose(error), onNote },
      attachment,
    )
    thread.ready.catch((error: EngineError) => void this.#onNotReady(error))
  }

  leaseUntil(untilNs: bigint): void {
    this.#options.thread.vitals.leaseUntil(untilNs)
  }

  send(message: ToSlot): void {
    if (this.#state === 'living') postToSlot(this.#options.thread, message, this.#options.pairs)
  }

  kill(error: EngineError): void {
    if (this.#state !== 'living') return
    this.#state = 'killed'
    this.#cutOff()
    this.#options.thread.kill(lossBy(error))
  }

  end(): Promise<SlotEnd> {
    this.#state = 'over'
    this.#cutOff()
    const { thread, onReleased } = this.#options
    const ended = thread.end()
    onReleased()
    return ended
  }

  #onMessage(message: FromSlot): void {
    if (this.#state !== 'living') return
    const { listener, thread } = this.#options
    if (message.kind !== 'ready') return listener.onMessage(message)
    const data = thread.dataAddress
    listener.onReady({ layoutHash: message.layoutHash, ...(data === undefined ? {} : { data }) })
  }

  /** The job could not be loaded, or the thread ended before: nobody else tells. */
  async #onNotReady(error: EngineError): Promise<void> {
    const { thread, endWaitMaxMs } = this.#options
    const end = await thread.gone
    this.#lose(end === 'stuck' ? threadStuck(thread.slot, endWaitMaxMs, lossBy(error)) : error)
  }

  // T2
  #lose(error: EngineError): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#cutOff()
    this.#options.listener.onLost(errorToData(error))
  }

  // T1
  #cutOff(): void {
    this.leaseUntil(OVER)
    this.#options.onOver()
  }
}
