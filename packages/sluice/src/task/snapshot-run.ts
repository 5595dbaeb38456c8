/**
 * One checkpoint of one task, from the cut to the acknowledgement.
 *
 * Owns: the keyed snapshots, the asynchronous states and the data files of one checkpoint. The cut itself is made by the task (snapshot
 * order of docs/spec/checkpoint.md); here its bytes are produced in slices between batches and written.
 *
 * P1 The task stands still only for `cut`; after it, `slice` does a bounded piece of work per step.
 * P2 Every byte is durable before the acknowledgement.
 * P3 An aborted run releases everything and acknowledges nothing.
 */
import { present } from '../base/assert.ts'
import { asEngineError, errorToData, type EngineError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { DataWriter } from '../checkpoint/checkpoint-store.ts'
import type { DataHandle, OperatorSnapshot } from '../checkpoint/handles.ts'
import { ByteWriter } from '../base/bytes.ts'
import { unencodable } from '../serde/unencodable.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import type { KeyedSnapshot, KeyedStateBackend } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { OperatorUid } from '../base/ids.ts'

/** One operator at the cut. */
export interface OperatorCut {
  readonly uid: OperatorUid
  readonly keyed: KeyedStateBackend | undefined
  readonly operatorState: OperatorStateItems | undefined | Promise<OperatorStateItems | undefined>
}

/** The own state of one operator. */
interface OperatorState {
  readonly uid: OperatorUid
  readonly bytes: Promise<Uint8Array | undefined>
}

interface KeyedPart {
  readonly uid: OperatorUid
  readonly backend: KeyedStateBackend
  readonly snapshot: KeyedSnapshot
  isEncoded: boolean
  entryCount: number
  writer: Promise<DataWriter> | undefined
  /** The chain of writes; ends with the handle. */
  writes: Promise<void>
}

type RunState = 'encoding' | 'writing' | 'acknowledged' | 'aborted' | 'failed'

export interface SnapshotTimes {
  readonly alignmentMs: number
  readonly syncMs: number
  /** Monotonic milliseconds of the cut. */
  readonly cutAtMs: number
}

export class SnapshotRun {
  readonly checkpoint: CheckpointId
  readonly #task: TaskEnvironment
  readonly #states: readonly OperatorState[]
  readonly #parts: readonly KeyedPart[]
  #state: RunState = 'encoding'
  #times: SnapshotTimes | undefined

  /** Cuts the keyed state. The operator states in `cuts` have been cut just before. */
  constructor(checkpoint: CheckpointId, cuts: readonly OperatorCut[], task: TaskEnvironment) {
    this.checkpoint = checkpoint
    this.#task = task
    this.#states = cuts.map(({ uid, operatorState }) => ({ uid, bytes: encoded(uid, operatorState) }))
    this.#parts = cuts.flatMap(({ uid, keyed }) =>
      keyed === undefined || keyed.keyCount() === 0 ? [] : [toPart(uid, keyed)],
    )
  }

  /** Lets the asynchronous part begin. */
  start(times: SnapshotTimes): void {
    this.#times = times
    for (const { bytes } of this.#states) bytes.catch((error: unknown) => this.#fail(error))
    this.#finishEncoding()
  }

  get isEncoding(): boolean {
    return this.#state === 'encoding'
  }

  get isUnderWay(): boolean {
    return this.#state === 'encoding' || this.#state === 'writing'
  }

  encodedCount(): number {
    return this.#parts.reduce((sum, part) => sum + part.snapshot.encodedCount(), 0)
  }

  /** Encodes up to `entries` entries and hands complete chunks to the disk. */
  slice(entries: number): void {
    if (this.#state !== 'encoding') return
    const part = this.#parts.find((candidate) => !candidate.isEncoded)
    try {
      if (part !== undefined) this.#encode(part, entries)
    } catch (error) {
      // A value that cannot be encoded spoils this checkpoint, not the task.
      this.#fail(error)
    }
    this.#finishEncoding()
  }

  /** Idempotent. */
  abort(): void {
    if (this.#state === 'acknowledged' || this.#state === 'aborted' || this.#state === 'failed') return
    this.#end('aborted')
  }

  #encode(part: KeyedPart, entries: number): void {
    const progress = part.snapshot.encodeSlice(entries)
    this.#writeChunks(part)
    if (progress === 'more') return
    part.isEncoded = true
    part.snapshot.release()
  }

  #writeChunks(part: KeyedPart): void {
    const chunks = part.snapshot.takeChunks()
    if (chunks.length === 0) return
    const out = new ByteWriter()
    for (const chunk of chunks) {
      part.entryCount += chunk.entryCount
      out.u32(chunk.bytes.length)
      out.bytes(chunk.bytes)
    }
    const bytes = out.take()
    part.writer ??= this.#openWriter(part)
    const { writer } = part
    part.writes = part.writes.then(async () => (await writer).write(bytes))
    part.writes.catch((error: unknown) => this.#fail(error))
  }

  #openWriter(part: KeyedPart): Promise<DataWriter> {
    const storage = present(this.#task.storage, 'the checkpoint storage')
    const name = `${part.uid.replaceAll(/[^\w.-]/g, '_')}-${this.#task.subtask}-${this.#task.incarnation}`
    return storage.openData(this.checkpoint, name)
  }

  #finishEncoding(): void {
    if (this.#state !== 'encoding' || this.#parts.some((part) => !part.isEncoded)) return
    this.#state = 'writing'
    this.#acknowledge().catch((error: unknown) => this.#fail(error))
  }

  async #acknowledge(): Promise<void> {
    const operators: OperatorSnapshot[] = []
    for (const state of this.#states) operators.push(await this.#complete(state))
    if (this.#state !== 'writing') return
    this.#state = 'acknowledged'
    const { vertex, subtask, env } = this.#task
    const { alignmentMs, syncMs, cutAtMs } = present(this.#times, 'the times of the cut')
    const stateBytes = operators.reduce(
      (sum, { keyed, operatorState }) => sum + (keyed?.data.sizeBytes ?? 0) + (operatorState?.length ?? 0),
      0,
    )
    this.#task.reports.acknowledge(this.checkpoint, {
      vertex: vertex.id,
      subtask,
      operators: operators.filter((operator) => operator.keyed !== undefined || operator.operatorState !== undefined),
      stats: { alignmentMs, syncMs, asyncMs: env.clock.monotonicMs() - cutAtMs, stateBytes },
    })
  }

  async #complete({ uid, bytes }: OperatorState): Promise<OperatorSnapshot> {
    const operatorState = await bytes
    const part = this.#parts.find((candidate) => candidate.uid === uid)
    const data = part === undefined ? undefined : await finishPart(part)
    return {
      uid,
      ...(operatorState === undefined ? {} : { operatorState }),
      ...(part === undefined || data === undefined
        ? {}
        : { keyed: { data, keyGroups: part.backend.keyGroups, entryCount: part.entryCount } }),
    }
  }

  #fail(error: unknown): void {
    if (this.#state === 'acknowledged' || this.#state === 'aborted' || this.#state === 'failed') return
    this.#end('failed')
    this.#task.reports.decline(this.checkpoint, errorToData(this.#asDecline(error)))
  }

  #asDecline(error: unknown): EngineError {
    const { vertex, subtask } = this.#task
    // the coordinator says of which checkpoint and task, and what it means
    const what = `the state of ${vertex.name} could not be taken`
    return asEngineError(error, 'CKP1004', what, { vertex: vertex.id, subtask, checkpoint: this.checkpoint })
  }

  #end(state: 'aborted' | 'failed'): void {
    this.#state = state
    for (const part of this.#parts) {
      part.snapshot.release()
      part.writer?.then((writer) => writer.abandon()).catch(writerNeverOpened)
    }
  }
}

/** The failed open is what ended the run: #fail has reported it. */
function writerNeverOpened(): void {}

/** Encoded before anything else happens: a reader may go on changing the objects it gave. What cannot be encoded rejects. */
function encoded(uid: OperatorUid, state: OperatorCut['operatorState']): Promise<Uint8Array | undefined> {
  return state instanceof Promise ? state.then((items) => encodeItems(uid, items)) : encodeNow(uid, state)
}

async function encodeNow(uid: OperatorUid, items: OperatorStateItems | undefined): Promise<Uint8Array | undefined> {
  return encodeItems(uid, items)
}

function encodeItems(uid: OperatorUid, items: OperatorStateItems | undefined): Uint8Array | undefined {
  if (items === undefined) return undefined
  try {
    return valueToBytes(items)
  } catch (error) {
    throw unencodableItem(uid, items) ?? error
  }
}

/** In the words of the one who declared the state: which state, which item, which field of it. */
function unencodableItem(uid: OperatorUid, states: OperatorStateItems): EngineError | undefined {
  for (const { name, items } of states) {
    const state = `operator state "${name.slice(name.indexOf(':') + 1)}"` // what is in front of it keeps kinds of state apart
    for (const [index, item] of items.entries()) {
      const error = unencodable(item, `item ${index + 1} of ${items.length} of ${state} of operator "${uid}"`)
      if (error !== undefined) return error.within({ operator: uid })
    }
  }
  return undefined
}

function toPart(uid: OperatorUid, backend: KeyedStateBackend): KeyedPart {
  return {
    uid,
    backend,
    snapshot: backend.beginSnapshot(),
    isEncoded: false,
    entryCount: 0,
    writer: undefined,
    writes: Promise.resolve(),
  }
}

async function finishPart(part: KeyedPart): Promise<DataHandle | undefined> {
  await part.writes
  const writer = await part.writer
  return writer?.finish()
}
