/** One of two threads that count by hand: generates half of the records, keeps those of its own keys, sends the others. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { DISORDER_MS, WATERMARK_RECORDS, eventAt } from '../workload/events.ts'
import { HandKeys } from '../workload/hand-keys.ts'
import { ResultSumming, type ResultSummary } from '../workload/results.ts'
import { preciseWallMs, threadCpuMs } from '../workload/stopwatch.ts'
import { BATCH_RECORDS, HandBatchWriter, ownerOf, readBatch, type HandMessage } from './hand-exchange.ts'

export interface HandThreadData {
  readonly thread: number
  readonly records: number
  readonly peer: MessagePort
}

export interface HandThreadReport {
  readonly startMs: number
  readonly endMs: number
  readonly cpuMs: number
  readonly summary: ResultSummary
}

const THREADS = 2
/** Batches on their way before the sender waits. */
const CREDITS = 64
/** Records between two looks at what came in. */
const TURN_RECORDS = 2_048

class HandThread {
  readonly #data: HandThreadData
  readonly #results = new ResultSumming()
  readonly #windows = new HandKeys(this.#results)
  readonly #writer = new HandBatchWriter()
  readonly #take = (key: string, timestampMs: number): void => this.#windows.add(key, timestampMs)
  readonly #startMs = preciseWallMs()
  readonly #startCpuMs = threadCpuMs()
  #next: number
  #credits = CREDITS
  #maxTimestampMs = 0
  #ownWatermarkMs = Number.NEGATIVE_INFINITY
  #peerWatermarkMs = Number.NEGATIVE_INFINITY
  #untilWatermark = WATERMARK_RECORDS
  #openEnds = 2

  constructor(data: HandThreadData) {
    this.#data = data
    this.#next = data.thread
    data.peer.on('message', (message: HandMessage) => this.#onMessage(message))
  }

  turn(): void {
    const end = Math.min(this.#data.records, this.#next + TURN_RECORDS * THREADS)
    if (this.#credits > 0) this.#generate(end)
    if (this.#next < this.#data.records) setImmediate(() => this.turn())
    else this.#end()
  }

  #generate(end: number): void {
    const { thread } = this.#data
    let index = this.#next
    for (; index < end; index += THREADS) {
      const { key, timestampMs } = eventAt(index)
      if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs
      if (ownerOf(key) === thread) this.#windows.add(key, timestampMs)
      else this.#append(key, timestampMs)
      if (--this.#untilWatermark === 0) this.#advance(this.#maxTimestampMs - DISORDER_MS - 1)
    }
    this.#next = index
  }

  #append(key: string, timestampMs: number): void {
    this.#writer.append(key, timestampMs)
    if (this.#writer.count === BATCH_RECORDS) this.#flush()
  }

  #flush(): void {
    if (this.#writer.count === 0) return
    this.#credits--
    const batch = this.#writer.take()
    this.#data.peer.postMessage(batch, [batch.bytes])
  }

  #advance(watermarkMs: number): void {
    this.#untilWatermark = WATERMARK_RECORDS
    this.#ownWatermarkMs = watermarkMs
    this.#flush()
    this.#post({ kind: 'watermark', timestampMs: watermarkMs })
    this.#fire()
  }

  #onMessage(message: HandMessage): void {
    switch (message.kind) {
      case 'batch':
        readBatch(message.bytes, message.length, this.#take)
        return this.#post({ kind: 'credit' })
      case 'watermark':
        this.#peerWatermarkMs = message.timestampMs
        return this.#fire()
      case 'credit':
        this.#credits++
        return
      case 'end':
        return this.#onEnd()
    }
  }

  #fire(): void {
    this.#windows.advance(Math.min(this.#ownWatermarkMs, this.#peerWatermarkMs))
  }

  #end(): void {
    this.#advance(Number.MAX_SAFE_INTEGER)
    this.#post({ kind: 'end' })
    this.#onEnd()
  }

  #onEnd(): void {
    this.#openEnds--
    if (this.#openEnds > 0) return
    const report: HandThreadReport = {
      startMs: this.#startMs,
      endMs: preciseWallMs(),
      cpuMs: threadCpuMs() - this.#startCpuMs,
      summary: this.#results.summary(),
    }
    parentPort?.postMessage(report) // oxlint-disable-line unicorn/require-post-message-target-origin -- a message port, no window
  }

  #post(message: HandMessage): void {
    this.#data.peer.postMessage(message) // oxlint-disable-line unicorn/require-post-message-target-origin -- a message port, no window
  }
}

new HandThread(workerData as HandThreadData).turn() // given by keyed-by-hand-threads.ts
