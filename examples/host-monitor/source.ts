/** A source of your own in one file: samples of this machine's CPU and memory from node:os. */
import { cpus, freemem, totalmem } from 'node:os'
import type {
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
} from 'sluice'

export interface HostSample {
  readonly metric: 'cpu' | 'memory'
  /** Share in use, 0 to 1. */
  readonly value: number
  /** Milliseconds since 1970 (UTC). */
  readonly timeMs: number
}

export interface HostMetricsOptions {
  /** How long to watch. */
  readonly seconds: number
  readonly sampleMs: number
}

/** There is one machine, hence one split; its state is how many samples are still to be taken. */
interface HostSplit extends SourceSplit {
  readonly samplesLeft: number
}

export function hostMetricsSource(options: HostMetricsOptions): Source<HostSample, HostSplit, readonly HostSplit[]> {
  return Object.freeze<Source<HostSample, HostSplit, readonly HostSplit[]>>({
    kind: 'host-metrics',
    identity: null,
    boundedness: 'bounded',
    createEnumerator: (context, restored) =>
      new OneSplit(
        context,
        restored ?? [{ id: 'host', samplesLeft: Math.round((options.seconds * 1000) / options.sampleMs) }],
      ),
    createReader: (context) => new HostReader(context, options.sampleMs),
  })
}

class OneSplit implements SplitEnumerator<HostSplit, readonly HostSplit[]> {
  readonly #context: EnumeratorContext<HostSplit>
  #splits: readonly HostSplit[]

  constructor(context: EnumeratorContext<HostSplit>, splits: readonly HostSplit[]) {
    this.#context = context
    this.#splits = splits
  }

  async start(): Promise<void> {}

  onSplitRequest(subtask: number): void {
    const splits = this.#splits
    this.#splits = []
    if (splits.length > 0) this.#context.assign(subtask, splits)
    this.#context.noMoreSplits(subtask)
  }

  addSplitsBack(splits: readonly HostSplit[]): void {
    this.#splits = splits
  }

  snapshot(): readonly HostSplit[] {
    return this.#splits
  }

  async close(): Promise<void> {}
}

/** Busy and total processor time since the machine started. */
interface CpuTimes {
  readonly busy: number
  readonly total: number
}

class HostReader implements SourceReader<HostSample, HostSplit> {
  readonly #context: ReaderContext
  readonly #sampleMs: number
  #split: HostSplit | undefined
  #isLast = false
  #isRequested = false
  #isDue = false
  #before = cpuTimes()
  #timer: { cancel(): void } | undefined

  constructor(context: ReaderContext, sampleMs: number) {
    this.#context = context
    this.#sampleMs = sampleMs
  }

  start(): void {
    this.#context.wake()
  }

  addSplits(splits: readonly HostSplit[]): void {
    this.#split = splits[0]
    this.#scheduleSample()
  }

  noMoreSplits(): void {
    this.#isLast = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<HostSample>): PollResult {
    if (this.#split === undefined) {
      if (this.#isLast) return 'end'
      if (!this.#isRequested) this.#context.requestSplit()
      this.#isRequested = true
      return 'nothing'
    }
    if (this.#isDue) this.#sample(output, this.#split)
    return 'nothing'
  }

  snapshot(): readonly HostSplit[] {
    return this.#split === undefined ? [] : [this.#split]
  }

  position(): string | undefined {
    return this.#split === undefined ? undefined : `${this.#split.samplesLeft} samples left`
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
  }

  #sample(output: ReaderOutput<HostSample>, split: HostSplit): void {
    this.#isDue = false
    const timeMs = this.#context.env.clock.wallMs()
    const { id, samplesLeft } = split
    const now = cpuTimes()
    const total = now.total - this.#before.total
    const cpu = total === 0 ? 0 : (now.busy - this.#before.busy) / total
    this.#before = now
    const to = output.split(id)
    to.emit({ metric: 'cpu', value: cpu, timeMs }, timeMs)
    to.emit({ metric: 'memory', value: 1 - freemem() / totalmem(), timeMs }, timeMs)
    this.#split = samplesLeft > 1 ? { id, samplesLeft: samplesLeft - 1 } : undefined
    if (this.#split === undefined) output.finishSplit(id)
    this.#scheduleSample()
  }

  #scheduleSample(): void {
    this.#timer = this.#context.env.timers.after(this.#split === undefined ? 0 : this.#sampleMs, () => {
      this.#isDue = true
      this.#context.wake()
    })
  }
}

function cpuTimes(): CpuTimes {
  let busy = 0
  let total = 0
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.idle + times.irq
    total += sum
    busy += sum - times.idle
  }
  return { busy, total }
}
