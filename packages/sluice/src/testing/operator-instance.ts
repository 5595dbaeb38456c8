/**
 * One parallel instance of an operator under test: the part of a task that an operator can see.
 *
 * Owns: its state backend, its wake request, what it emitted. Does not own: which inputs it gets (operator-replays.ts).
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from '../operators/operator.ts'
import { operatorStateIn } from '../checkpoint/operator-state-bytes.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import { createHeapBackend } from '../state/heap-backend.ts'
import type { KeyedSnapshot, KeyedStateBackend } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { keyGroupRange, type Key } from '../stream/key-groups.ts'
import { copyOf, type EmittedRecord, type ScriptStep } from './operator-script.ts'

/** Small, so that few keys meet many borders between instances. */
export const HARNESS_MAX_PARALLELISM = 16
/** Calls of one operator for one step before the test is said to be in an endless loop. */
const CALLS_PER_STEP_MAX = 100_000

export interface InstanceOptions {
  readonly spec: OperatorSpec
  readonly name: string
  readonly subtask: number
  readonly parallelism: number
  /** Wall milliseconds when the instance starts. */
  readonly nowMs: number
  /** A new turn for each call; `emitted` counts the records that the operator has emitted. */
  readonly turn: (emitted: () => number) => Turn
  readonly keyOf: (value: unknown, port: number) => Key | undefined
  readonly restored?: InstanceState | undefined
}

/** A finished cut of one instance, or what a new instance is restored from. */
export interface InstanceState {
  readonly chunks: readonly Uint8Array[]
  readonly items: OperatorStateItems | undefined
}

/** A cut whose keyed state is still being encoded, as between the batches of a task. */
export interface OpenCut {
  /** Encodes one more entry. */
  encodeOne(): void
  finish(): Promise<InstanceState>
}

export interface InstanceOutput {
  readonly emitted: readonly EmittedRecord[]
  readonly watermark: number
  readonly counted: ReadonlyMap<string, number>
}

interface Recorded extends EmittedRecord {
  readonly copy: unknown
}

export class OperatorInstance {
  readonly #options: InstanceOptions
  readonly #operator: Operator
  readonly #keyed: KeyedStateBackend | undefined
  readonly #recorded: Recorded[] = []
  #takenCount = 0
  #counted = new Map<string, number>()
  #nowMs: number
  #wakeAtMs = Number.POSITIVE_INFINITY
  #inputWatermark = MIN_WATERMARK
  #outputWatermark = MIN_WATERMARK
  /** Key of the record that is being processed. */
  #inputKey: Key | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#nowMs = options.nowMs
    this.#operator = options.spec.create()
    this.#keyed = options.spec.keyed ? this.#createBackend() : undefined
    for (const chunk of options.restored?.chunks ?? []) this.#keyed?.restore(chunk)
    this.#operator.open(this.#context())
  }

  feed(step: ScriptStep): void {
    this.#callDue()
    switch (step.kind) {
      case 'record':
        this.#inputKey = this.#options.keyOf(step.value, step.port)
        this.#operator.inputPort(step.port).onRecord(copyOf(step.value), step.timestamp)
        this.#inputKey = undefined
        break
      case 'watermark':
        this.#advanceTo(step.timestamp)
        break
      case 'processing-time':
        this.#nowMs = step.nowMs
        this.#callDue()
        break
      case 'end':
        this.#advanceTo(MAX_WATERMARK)
        if (this.#operator.isDrained()) this.#operator.onEnd()
    }
    this.#throwFailure()
  }

  /** Goes on until what the operator holds waits for something that the script has not brought: a later moment, or a promise that the test keeps. */
  async settle(step?: ScriptStep): Promise<void> {
    if (this.#operator.isDrained()) return
    await this.#settleNow()
    if (step?.kind !== 'end') return
    for (let calls = 0; !this.#operator.isDrained() && this.#wakeAtMs < Number.POSITIVE_INFINITY; calls++) {
      assert(calls < CALLS_PER_STEP_MAX, 'an operator is never drained', { nowMs: this.#nowMs })
      this.#nowMs = Math.max(this.#nowMs, this.#wakeAtMs)
      await this.#settleNow()
    }
    if (this.#operator.isDrained()) this.#operator.onEnd()
  }

  async #settleNow(): Promise<void> {
    do {
      this.#callDue()
      await promiseReactions()
      this.#throwFailure()
    } while (this.#wakeAtMs <= this.#nowMs)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** What came out since the last call. */
  takeOutput(): InstanceOutput {
    const emitted = this.#recorded
      .slice(this.#takenCount)
      .map(({ copy, timestamp, tag, key }) => ({ value: copy, timestamp, tag, key }))
    const counted = this.#counted
    this.#takenCount = this.#recorded.length
    this.#counted = new Map()
    return { emitted, watermark: this.#outputWatermark, counted }
  }

  beginCut(checkpoint: number): OpenCut {
    const items = encodedItems(this.#operator.snapshot(checkpoint))
    const snapshot = this.#keyed?.beginSnapshot()
    return {
      encodeOne: () => snapshot?.encodeSlice(1),
      finish: async () => ({ chunks: finishSnapshot(snapshot), items: await items }),
    }
  }

  /** Keys with anything that has not expired: when the rest is removed is nobody's promise, but behind a snapshot it is gone. */
  keyCount(): number {
    finishSnapshot(this.#keyed?.beginSnapshot())
    return this.#keyed?.keyCount() ?? 0
  }

  async close(): Promise<void> {
    await this.#operator.close()
  }

  /** Processing time: calls the operator as often as it asked for a moment that has come. */
  #callDue(): void {
    for (let calls = 0; this.#wakeAtMs <= this.#nowMs; calls++) {
      assert(calls < CALLS_PER_STEP_MAX, 'an operator asks again and again for a moment that has passed', {
        nowMs: this.#nowMs,
      })
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.#untilDone((turn) => this.#operator.onProcessingTime(this.#nowMs, turn))
      this.#forwardWatermark()
    }
  }

  #advanceTo(watermark: number): void {
    if (watermark <= this.#inputWatermark) return
    this.#untilDone((turn) => this.#operator.onWatermark(watermark, turn))
    this.#inputWatermark = watermark
    this.#forwardWatermark()
  }

  #untilDone(call: (turn: Turn) => Advance): void {
    let calls = 1
    while (call(this.#options.turn(() => this.#recorded.length)) === 'more') {
      assert(calls++ < CALLS_PER_STEP_MAX, 'an operator never finishes a watermark or a moment of processing time', {
        calls,
      })
    }
  }

  #forwardWatermark(): void {
    this.#outputWatermark = Math.max(this.#outputWatermark, this.#operator.outputWatermark(this.#inputWatermark))
  }

  #createBackend(): KeyedStateBackend {
    const { subtask, parallelism, name } = this.#options
    const keyGroups = keyGroupRange(subtask, HARNESS_MAX_PARALLELISM, parallelism)
    return createHeapBackend({ uid: name, keyGroups, maxParallelism: HARNESS_MAX_PARALLELISM })
  }

  #context(): OperatorContext {
    const { name, subtask, parallelism, restored } = this.#options
    return {
      info: {
        uid: name,
        name,
        subtask,
        parallelism,
        maxParallelism: HARNESS_MAX_PARALLELISM,
        attempt: restored === undefined ? 0 : 1,
      },
      output: this.#receiver(undefined),
      sideOutput: (tag) => this.#receiver(tag),
      keyed: this.#keyed,
      restored: restored?.items,
      restoredCheckpoint: restored === undefined ? undefined : 1,
      processingTimeMs: () => this.#nowMs,
      wakeAt: (wallMs) => {
        this.#wakeAtMs = Math.min(this.#wakeAtMs, wallMs)
      },
      wake: () => {},
      fail: (error) => {
        this.#failure ??= { error }
      },
      counter: (counter) => ({ add: (count) => this.#counted.set(counter, (this.#counted.get(counter) ?? 0) + count) }),
    }
  }

  #receiver(tag: string | undefined): RecordReceiver {
    return {
      onRecord: (value, timestamp) => {
        const key = this.#inputKey ?? this.#keyed?.currentKey()
        this.#recorded.push({ value, timestamp, tag, key, copy: copyOf(value) })
      },
    }
  }

  /** A record belongs to whoever received it: fails when the operator changed one that it had emitted. */
  checkUnchanged(): void {
    for (const { value, copy } of this.#recorded) {
      if (isDeepStrictEqual(value, copy)) continue
      throw new EngineError(
        'SIM1001',
        `operator "${this.#options.name}" changed a record after it emitted it: ${inspect(copy)} became ${inspect(value)}. ` +
          'Whoever received the record sees the change, or not, by chance. Emit a copy, or a new object.',
      )
    }
  }
}

/** Resolves when every promise reaction that can run has run. */
function promiseReactions(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function finishSnapshot(snapshot: KeyedSnapshot | undefined): readonly Uint8Array[] {
  if (snapshot === undefined) return []
  while (snapshot.encodeSlice(1) === 'more');
  const chunks = snapshot.takeChunks().map(({ bytes }) => bytes.slice())
  snapshot.release()
  return chunks
}

/** As a checkpoint would bring it back: encoded before the operator goes on. */
function encodedItems(state: ReturnType<Operator['snapshot']>): Promise<OperatorStateItems | undefined> {
  return state instanceof Promise ? state.then(throughBytes) : Promise.resolve(throughBytes(state))
}

function throughBytes(items: OperatorStateItems | undefined): OperatorStateItems | undefined {
  return items === undefined ? undefined : operatorStateIn(valueToBytes(items))
}
