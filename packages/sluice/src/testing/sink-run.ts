/** For tests of sinks: drives one subtask the way task and coordinator do. */
import type { Disk } from '../base/env.ts'
import type { Sink, SinkContext, SinkWriter, WriterSnapshot } from '../connector/sink.ts'
import { commitRequests } from './commit-requests.ts'
import { createManualEnv, type ManualEnv } from './manual-env.ts'

/** One attempt of a sink that starts without a checkpoint, or with what its writers had at one. */
export class SinkRun<T, Committable, WriterState> {
  readonly env: ManualEnv
  readonly context: SinkContext
  readonly writer: SinkWriter<T, Committable, WriterState>
  wakes = 0
  failure: unknown
  readonly #sink: Sink<T, Committable, WriterState>
  #checkpoint = 0

  constructor(sink: Sink<T, Committable, WriterState>, env: ManualEnv, restored: readonly WriterState[] = []) {
    const attempt = restored.length === 0 ? 0 : 1
    this.#sink = sink
    this.env = env
    this.context = {
      env,
      uid: 'sink',
      subtask: 0,
      parallelism: 1,
      attempt,
      incarnation: `1-${attempt}`,
      delivery: 'exactly-once',
      wake: () => void this.wakes++,
      fail: (error) => void (this.failure ??= error),
    }
    this.writer = sink.createWriter(this.context, restored)
  }

  static async start<T, Committable, WriterState>(
    sink: Sink<T, Committable, WriterState>,
    { disk, restored = [] }: { readonly disk?: Disk; readonly restored?: readonly WriterState[] } = {},
  ): Promise<SinkRun<T, Committable, WriterState>> {
    const env = createManualEnv(disk === undefined ? {} : { disk })
    await sink.prepare?.({
      env,
      uid: 'sink',
      fresh: restored.length === 0,
      restoredCheckpoint: restored.length === 0 ? undefined : 1,
      restoredCommittables: [],
      restoredWriters: restored,
    })
    return new SinkRun(sink, env, restored)
  }

  write(...values: readonly T[]): void {
    for (const value of values) this.writer.write(value, 0)
  }

  /** A checkpoint, complete and committed. */
  async checkpoint(): Promise<WriterSnapshot<Committable, WriterState>> {
    const snapshot = await this.writer.snapshot(++this.#checkpoint)
    await this.#sink.createCommitter?.(this.context)?.commit(commitRequests(snapshot.committables))
    return snapshot
  }

  /** The end of the input. */
  async end(): Promise<void> {
    this.writer.endOfInput?.()
    await this.checkpoint()
    await this.writer.close()
  }
}
