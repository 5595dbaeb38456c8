/**
 * One subtask of a chained vertex: mailbox, input, chain, snapshots. The same code in every host.
 *
 * Owns: the order of everything that happens to one subtask. Does not own: its thread (task-loop), the other ends of its channels, the
 * decision when to checkpoint.
 *
 * T1 One step: mailbox, then blocked?, then a cut watermark goes on, then at most one batch, then due timers, then a slice of a running snapshot.
 * T2 A step never suspends. What takes long is cut: watermarks by the turn, snapshots by slices, batches by their size.
 * T3 A barrier is handled between two records, when no watermark is half handled: everything emitted before it is in front of it.
 * T4 The cut, in this order: operators' own states, barrier downstream, keyed states (constant time). Then the asynchronous part.
 * T5 After `failed` or `close` no step does anything.
 * T6 A drained task keeps taking part in checkpoints until `finish`.
 * T7 Nothing is emitted behind the end of the input: processing-time timers that are not due by then stay in the state and do not fire.
 *    The end waits for operators that hold records which leave by themselves (`isDrained`); until then those, and what is behind them, go on.
 * T8 An error names the record that the head was giving to the chain when it was thrown; what comes from timers, watermarks and promises names its own
 *    or none.
 */
import { assert, present } from '../base/assert.ts'
import { asEngineError, errorToData, type EngineError, type ErrorContext } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { TaskReport } from '../base/task-report.ts'
import { TaskCounters } from './counters.ts'
import { GateDriver } from './gate-driver.ts'
import { OperatorChain } from './operator-chain.ts'
import { restoreChain } from './restore.ts'
import { SnapshotRuns } from './snapshot-runs.ts'
import { SourceHead } from './source-head.ts'
import { StepTurn } from './step-turn.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { Mail, StepResult, TaskHead } from './task-step.ts'
import { TaskMeter } from './task-meter.ts'
import { WakeTimer } from './wake-timer.ts'

type TaskState = 'created' | 'ready' | 'running' | 'ending' | 'drained' | 'finishing' | 'finished' | 'failed' | 'closed'

export class StreamTask {
  readonly environment: TaskEnvironment
  readonly #counters = new TaskCounters()
  readonly #chain: OperatorChain
  readonly #turn: StepTurn
  readonly #meter: TaskMeter
  readonly #wakeTimer: WakeTimer
  readonly #snapshots: SnapshotRuns
  readonly #mail: Mail[] = []
  #head: TaskHead | undefined
  #gate: GateDriver | undefined
  #source: SourceHead | undefined
  #state: TaskState = 'created'
  /** Whether the head gives records to the chain at this moment (T8). */
  #isFeeding = false
  #lastFlushMs = 0

  constructor(environment: TaskEnvironment) {
    this.environment = environment
    this.#chain = new OperatorChain({
      task: environment,
      counters: this.#counters,
      sourcePosition: () => this.#positionIn(this.#source),
    })
    this.#turn = new StepTurn(environment.pressure)
    this.#meter = new TaskMeter(environment.env.clock)
    this.#wakeTimer = new WakeTimer(environment.env, () => environment.wake())
    this.#snapshots = new SnapshotRuns(environment)
  }

  /** Restores and opens; afterwards `start` may be called. */
  async prepare(): Promise<void> {
    assert(this.#state === 'created', 'a task was prepared twice')
    const { restore, storage } = this.environment
    try {
      const restored =
        restore === undefined
          ? undefined
          : await restoreChain(restore, this.#chain.links, present(storage, 'the checkpoint storage'))
      this.#chain.open(restored, (error) => this.#fail(error))
      this.#createHead(restored?.items.get(present(this.environment.vertex.operators[0], 'the head').uid))
      if (!this.#isOver()) this.#state = 'ready'
    } catch (error) {
      throw this.#locate(error)
    }
  }

  start(): void {
    if (this.#isOver()) return
    assert(this.#state === 'ready', 'a task was started before it was ready', { state: this.#state })
    this.#state = 'running'
    try {
      this.#source?.start()
    } catch (error) {
      this.#fail(error)
    }
    this.environment.wake()
  }

  post(mail: Mail): void {
    if (this.#isOver()) return
    this.#mail.push(mail)
    this.environment.wake()
  }

  /** One bounded piece of work. Never throws: failures are reported. */
  step(): StepResult {
    if (this.#isOver() || this.#state === 'created' || this.#state === 'ready') return 'done'
    this.#meter.begin()
    let result: StepResult = 'done'
    try {
      result = this.#work()
    } catch (error) {
      this.#fail(error)
    }
    this.#chain.leaveKeys()
    this.#meter.end(result)
    return result
  }

  report(): TaskReport {
    const { vertex, subtask, outputs } = this.environment
    return {
      vertex: vertex.id,
      subtask,
      recordsIn: this.#head?.recordsIn ?? 0,
      recordsOut: outputs.reduce((sum, output) => sum + output.recordsOut(), 0),
      watermark: this.#chain.watermark,
      counters: this.#counters.snapshot(),
      ...this.#meter.take(),
    }
  }

  /** Releases everything. Idempotent. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#wakeTimer.cancel()
    this.#snapshots.abortAll()
    this.environment.gate?.close()
    for (const output of this.environment.outputs) output.close()
    try {
      await this.#head?.close()
    } finally {
      await this.#chain.close() // also when the head fails: a sink that still writes would meet the next attempt
    }
  }

  #isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'closed' || this.#state === 'finished'
  }

  #createHead(restoredSplits: Parameters<SourceHead['restore']>[0]): void {
    const { gate, vertex } = this.environment
    const first = present(vertex.operators[0], 'the head')
    if (first.node.kind === 'source') {
      this.#source = new SourceHead({
        node: first.node,
        uid: first.uid,
        chain: this.#chain,
        counters: this.#counters,
        turn: this.#turn,
        task: this.environment,
        fail: (error) => this.#fail(error),
      })
      this.#source.restore(restoredSplits)
      this.#head = this.#source
      return
    }
    this.#gate = new GateDriver({
      gate: present(gate, 'the input gate'),
      chain: this.#chain,
      turn: this.#turn,
      task: this.environment,
      snapshot: (checkpoint, alignmentMs) => this.#cut(checkpoint, alignmentMs),
    })
    this.#head = this.#gate
  }

  // T1
  #work(): StepResult {
    this.#turn.begin()
    this.#readMail()
    if (this.#isOver() || this.#state === 'finishing') return 'done'
    if (this.#isBlocked()) return this.#workBlocked()
    const hasWorked = this.#advanceOrTakeBatch()
    const hasFired = this.#fireProcessingTimers()
    if (hasWorked || hasFired) this.#snapshots.slicePaced()
    else this.#snapshots.sliceFreely()
    return hasWorked || hasFired || this.#snapshots.isEncoding ? this.#goOn() : this.#rest()
  }

  #workBlocked(): StepResult {
    this.#source?.onBlocked()
    const hasWorked = this.#workBehindFull()
    this.#snapshots.sliceFreely()
    return hasWorked || this.#snapshots.isEncoding ? 'progress' : 'blocked'
  }

  /** An operator takes no record: it and those behind it may have work that frees it (N4 of the chain). */
  #workBehindFull(): boolean {
    if (this.environment.pressure.blocked !== 0 || !(this.#mayFire() || this.#chain.isAdvancing)) return false
    const full = this.#chain.fullIndex()
    if (this.#chain.workBehind(full, this.environment.env.clock.wallMs(), this.#turn)) return true
    this.#flush()
    this.#wakeTimer.set(this.#chain.earliestWakeMs(full), Number.POSITIVE_INFINITY)
    return false
  }

  #advanceOrTakeBatch(): boolean {
    if (this.#chain.isAdvancing) {
      this.#chain.resume(this.#turn)
      return true
    }
    if (this.#state === 'ending') return this.#endWhenDrained()
    if (this.#state !== 'running') return this.#stepDrained()
    this.#isFeeding = true
    const result = present(this.#head, 'the head of the task').step()
    this.#isFeeding = false
    if (result === 'ended') this.#endInput()
    return result !== 'idle'
  }

  #endInput(): void {
    this.#state = 'ending'
    this.#chain.endInput()
  }

  /** After its end a gate still carries barriers. */
  #stepDrained(): boolean {
    return this.#gate !== undefined && this.#gate.step() === 'progress'
  }

  /** What operators still hold leaves by their own wakes; checkpoints do not wait for it. */
  #endWhenDrained(): boolean {
    if (!this.#chain.isDrained()) return this.#stepDrained()
    this.#drain()
    return true
  }

  #drain(): void {
    this.#chain.end()
    for (const output of this.environment.outputs) output.broadcast({ kind: 'end' })
    this.#state = 'drained'
    this.environment.reports.drained()
  }

  #isBlocked(): boolean {
    return this.environment.pressure.blocked !== 0 || this.#chain.isBlocked()
  }

  /** Not behind the end of the input (T7). */
  #fireProcessingTimers(): boolean {
    if (!this.#mayFire()) return false
    const dueMs = this.#chain.earliestWakeMs()
    if (dueMs === Number.POSITIVE_INFINITY || this.#chain.isAdvancing) return false
    const nowMs = this.environment.env.clock.wallMs()
    if (dueMs > nowMs) return false
    this.#chain.onProcessingTime(nowMs, this.#turn)
    return true
  }

  /** An operator that still holds records needs its wakes, even where the input is over (T7). */
  #mayFire(): boolean {
    return this.#state === 'running' || (this.#state === 'ending' && !this.#chain.isDrained())
  }

  #goOn(): StepResult {
    if (this.#meter.nowMs - this.#lastFlushMs >= this.environment.settings.bufferTimeoutMs) this.#flush()
    if (!this.#isBlocked()) return 'progress'
    this.#source?.onBlocked()
    return this.environment.pressure.blocked === 0 ? 'progress' : 'blocked' // the next step sees what is behind the operator that is full
  }

  /** Nothing left to do: sends what has gathered, and decides what to wait for. */
  #rest(): StepResult {
    this.#flush()
    if (this.#state === 'running')
      this.#wakeTimer.set(this.#chain.earliestWakeMs(), present(this.#head, 'the head').nextStepMs())
    else if (this.#state === 'ending') this.#wakeTimer.set(this.#chain.earliestWakeMs(), Number.POSITIVE_INFINITY)
    else this.#wakeTimer.cancel()
    return 'idle'
  }

  #flush(): void {
    this.#lastFlushMs = this.#meter.nowMs
    for (const output of this.environment.outputs) output.flush()
  }

  #readMail(): void {
    while (this.#mail.length > 0 && !this.#isOver()) {
      const next = present(this.#mail[0], 'a mail')
      // T3: a trigger waits until the watermark at hand is done, and with it everything behind it.
      if (next.kind === 'trigger' && this.#chain.isAdvancing) return
      this.#mail.shift()
      this.#onMail(next)
    }
  }

  #onMail(mail: Mail): void {
    switch (mail.kind) {
      case 'trigger':
        return this.#cut(mail.checkpoint, 0)
      case 'complete':
        return this.#complete(mail.checkpoint)
      case 'aborted':
        return this.#abort(mail.checkpoint)
      case 'splits':
        return present(this.#source, 'the source of the task').onSplits(mail)
      case 'source-event':
        return present(this.#source, 'the source of the task').onEvent(mail.event)
      case 'align-source':
        return present(this.#source, 'the source of the task').onAlign(mail.watermarkMax)
      case 'finish':
        return this.#finish()
    }
  }

  // T4
  #cut(checkpoint: CheckpointId, alignmentMs: number): void {
    this.#snapshots.cut({
      checkpoint,
      alignmentMs,
      cuts: () =>
        this.#chain.links.map((link) => ({
          uid: link.spec.uid,
          keyed: link.keyed,
          operatorState:
            link.operator === undefined
              ? present(this.#source, 'the source of the task').snapshot(checkpoint)
              : link.operator.snapshot(checkpoint),
        })),
    })
  }

  #complete(checkpoint: CheckpointId): void {
    const commits = this.#chain.links.map(async (link) =>
      link.operator === undefined
        ? this.#source?.onCheckpointComplete(checkpoint)
        : link.operator.onCheckpointComplete(checkpoint),
    )
    Promise.all(commits).then(
      () => this.environment.reports.committed(checkpoint),
      (error: unknown) => this.#fail(error),
    )
  }

  #abort(checkpoint: CheckpointId): void {
    this.#gate?.onAborted(checkpoint)
    this.#snapshots.abort(checkpoint)
    for (const link of this.#chain.links) link.operator?.onCheckpointAborted(checkpoint)
  }

  #finish(): void {
    this.#state = 'finishing'
    this.#wakeTimer.cancel()
    const finishes = this.#chain.links.map(async (link) => link.operator?.finish())
    Promise.all(finishes).then(
      () => {
        if (this.#state !== 'finishing') return
        this.#state = 'finished'
        this.environment.reports.finished()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    if (this.#isOver()) return
    this.#state = 'failed'
    this.#wakeTimer.cancel()
    this.#snapshots.abortAll()
    this.environment.reports.failed(errorToData(this.#locate(error)))
  }

  #locate(error: unknown): EngineError {
    const { vertex, subtask, attempt } = this.environment
    const record = this.#positionIn(this.#head)
    const context: ErrorContext = { vertex: vertex.id, subtask, attempt, ...(record === undefined ? {} : { record }) }
    return asEngineError(
      error,
      'TSK1001',
      `the task ${vertex.name} (${subtask + 1}/${vertex.parallelism}) failed`,
      context,
    )
  }

  /** T8 */
  #positionIn(head: TaskHead | undefined): string | undefined {
    return this.#isFeeding && !this.#chain.isAdvancing ? recordAt(head) : undefined
  }
}

/** A source that cannot tell its position must not hide the failure. */
function recordAt(head: TaskHead | undefined): string | undefined {
  try {
    return head?.recordPosition()
  } catch {
    return undefined
  }
}
