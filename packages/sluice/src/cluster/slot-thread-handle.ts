/**
 * One slot thread seen from the main thread: from its start to its end, once (docs/spec/slot-threads.md, "A slot thread").
 *
 * Owns: the Worker. Does not own: which slots there are (thread-slots.ts).
 */
import { Worker, type Transferable } from 'node:worker_threads'
import { deferred } from '../base/deferred.ts'
import type { NetworkAddress } from '../base/env.ts'
import { type EngineError, errorFromData } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { FromSlot } from '../control/messages.ts'
import { noteLife } from './living-threads.ts'
import { lossBy, threadError, threadExit, threadStuck, type ThreadLoss } from './slot-thread-errors.ts'
import type { Attachment, FromThread, JobOrigin, ThreadData, ToThread } from './thread-messages.ts'
import { WatchedVitals, createVitals } from './vitals.ts'

export interface ThreadOutput {
  /** A line of a print sink. */
  printLine(line: string): void
  /** What user code wrote with `console` or to its standard streams. */
  consoleText(stream: 'stdout' | 'stderr', text: string): void
}

export interface ThreadOptions {
  readonly slot: SlotIndex
  readonly origin: JobOrigin
  readonly heapLimit: HeapLimit
  readonly output: ThreadOutput
  /** Default: END_WAIT_MAX_MS. */
  readonly endWaitMaxMs?: number
}

/** `auto` limits are shares of the machine: one that was worked out for another number of slots is as good. */
export interface HeapLimit {
  readonly origin: 'set' | 'auto'
  readonly bytes: number
}

export function isSameLimit(a: HeapLimit, b: HeapLimit): boolean {
  return a.origin === b.origin && (a.origin === 'auto' || a.bytes === b.bytes)
}

export interface ThreadListener {
  onMessage(message: FromSlot): void
  /** The thread was ready, or was killed, and has ended or is stuck (TSK1006); not after `end`. */
  onLost(error: EngineError): void
  /** A line for the log. */
  onNote?(text: string): void
}

type ThreadState =
  | { readonly kind: 'loading' | 'ready' }
  /** Told to end; `loss` is undefined for an end that nobody is told about. */
  | { readonly kind: 'ending'; readonly loss: ThreadLoss | undefined }
  /** Told to end and still running when the wait was over; it may still end, and nobody is told. */
  | { readonly kind: 'stuck' }
  | { readonly kind: 'ended' }

export type ThreadEnd = 'ended' | 'stuck'

const BYTES_PER_MB = 1024 * 1024
/**
 * From `terminate` to the end of a thread. Inside a blocking system call a thread cannot be ended before the call returns; in some tight
 * loops V8 never looks whether it should end. Shorter than the JobManager's own wait for the loss of a killed slot.
 */
export const END_WAIT_MAX_MS = 5000

export class SlotThread {
  readonly slot: SlotIndex
  readonly heapLimit: HeapLimit
  /** Rejects when the job cannot be loaded in the thread, or the thread ends before it is ready. */
  readonly ready: Promise<void>
  readonly vitals: WatchedVitals
  readonly #worker: Worker
  readonly #output: ThreadOutput
  readonly #endWaitMaxMs: number
  readonly #gone = deferred<ThreadEnd>()
  #endWait: NodeJS.Timeout | undefined
  #dataAddress: NetworkAddress | undefined
  #state: ThreadState = { kind: 'loading' }
  #listener: ThreadListener | undefined
  #settleReady: { readonly resolve: () => void; readonly reject: (error: EngineError) => void } | undefined

  constructor({ slot, origin, heapLimit, output, endWaitMaxMs = END_WAIT_MAX_MS }: ThreadOptions) {
    this.slot = slot
    this.heapLimit = heapLimit
    this.#output = output
    this.#endWaitMaxMs = endWaitMaxMs
    const vitals = createVitals()
    this.vitals = new WatchedVitals(vitals)
    this.ready = new Promise((resolve, reject) => void (this.#settleReady = { resolve, reject }))
    this.ready.catch(nobodyWaits)
    const workerData: ThreadData = { slot, origin, vitals }
    const resourceLimits = { maxOldGenerationSizeMb: Math.ceil(heapLimit.bytes / BYTES_PER_MB) }
    this.#worker = new Worker(new URL('./slot-thread.ts', import.meta.url), {
      workerData,
      resourceLimits,
      stdout: true,
      stderr: true,
      name: `slot ${slot}`,
    })
    noteLife(this.#worker)
    this.#listen()
  }

  get isReady(): boolean {
    return this.#state.kind === 'ready'
  }

  get isAlive(): boolean {
    return this.#state.kind === 'loading' || this.#state.kind === 'ready'
  }

  get isStuck(): boolean {
    return this.#state.kind === 'stuck'
  }

  /** Where its data connections arrive, once it is ready; undefined without a network. */
  get dataAddress(): NetworkAddress | undefined {
    return this.#dataAddress
  }

  /** Resolves when a thread that was told to end is gone, or will not go. */
  get gone(): Promise<ThreadEnd> {
    return this.#gone.promise
  }

  /** Whom the thread's messages go to from now on. */
  attach(listener: ThreadListener, attachment: Attachment): void {
    this.#listener = listener
    this.post({ kind: 'attach', attachment })
  }

  post(message: ToThread, transfer: readonly Transferable[] = []): void {
    if (this.isAlive) this.#worker.postMessage(message, transfer)
  }

  /** Ends the thread whatever it does; its loss is told when it is gone, or will not go. */
  kill(loss: ThreadLoss): void {
    if (!this.isAlive) return
    this.#become({ kind: 'ending', loss })
    this.#terminate()
  }

  /** Ends the thread in silence; resolves when it is gone, or will not go. Idempotent. */
  async end(): Promise<ThreadEnd> {
    if (this.#state.kind === 'ended') return 'ended'
    if (this.#state.kind === 'stuck') return 'stuck'
    this.#become({ kind: 'ending', loss: undefined })
    this.#terminate()
    return this.gone
  }

  #become(state: ThreadState): void {
    if (this.#state.kind === 'loading' && state.kind === 'ending')
      this.#settleReady?.reject((state.loss ?? threadExit(this.slot, 0)).error)
    this.#state = state
  }

  #terminate(): void {
    this.#endWait ??= setTimeout(() => this.#onEndWaitOver(), this.#endWaitMaxMs)
    void this.#worker.terminate()
  }

  #listen(): void {
    const worker = this.#worker
    worker.on('message', (message: FromThread) => this.#onMessage(message))
    worker.on('error', (thrown: unknown) => this.#fail(threadError(this.slot, thrown)))
    worker.on('messageerror', (thrown: unknown) => this.#fail(threadError(this.slot, thrown)))
    worker.on('exit', (exitCode) => this.#onExit(exitCode))
    worker.stdout.on('data', (bytes: Buffer) => this.#output.consoleText('stdout', bytes.toString()))
    worker.stderr.on('data', (bytes: Buffer) => this.#output.consoleText('stderr', bytes.toString()))
  }

  #onMessage(message: FromThread): void {
    if (this.isStuck) return // its loss was told: nothing comes after it
    if (message.kind === 'print') return this.#print(message.lines)
    if (message.kind === 'listening') return void (this.#dataAddress = message.data)
    if (message.kind === 'note') return this.#listener?.onNote?.(message.text)
    if (message.kind === 'load-failed') return this.#fail(lossBy(errorFromData(message.error)))
    if (message.message.kind === 'ready') this.#onReady()
    if (this.#state.kind === 'ready') this.#listener?.onMessage(message.message)
  }

  #print(lines: readonly string[]): void {
    for (const line of lines) this.#output.printLine(line)
    this.vitals.linesWritten(lines.length)
  }

  #onReady(): void {
    if (this.#state.kind !== 'loading') return
    this.#become({ kind: 'ready' })
    this.#settleReady?.resolve()
  }

  /** A loading thread is refused, a running one is lost; the `exit` event that follows tells it. */
  #fail(loss: ThreadLoss): void {
    if (!this.isAlive) return
    const wasReady = this.isReady
    if (!wasReady) this.#settleReady?.reject(loss.error)
    this.#become({ kind: 'ending', loss: wasReady ? loss : undefined })
    this.#terminate()
  }

  #onExit(exitCode: number): void {
    if (this.isAlive) this.#fail(threadExit(this.slot, exitCode))
    this.#settleEnd('ended', (loss) => loss.error)
  }

  /** From here the thread is given up: it runs beside everything that follows, until this process ends. */
  #onEndWaitOver(): void {
    if (this.#state.kind !== 'ending') return
    this.#worker.unref() // a program that has nothing else to do may come to its end
    this.#settleEnd('stuck', (loss) => threadStuck(this.slot, this.#endWaitMaxMs, loss))
  }

  #settleEnd(end: ThreadEnd, errorOf: (loss: ThreadLoss) => EngineError): void {
    clearTimeout(this.#endWait)
    const loss = this.#state.kind === 'ending' ? this.#state.loss : undefined
    this.#state = { kind: end }
    this.#gone.resolve(end)
    if (loss !== undefined) this.#listener?.onLost(errorOf(loss))
  }
}

/** A thread that was started early may be ended before anybody waits for it. */
function nobodyWaits(): void {}
