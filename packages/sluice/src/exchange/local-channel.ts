import { assert } from '../base/assert.ts'
import type { ControlElement, RecordBatch, StreamElement } from '../stream/element.ts'
import type { OutputPressure } from './blocking.ts'
import { BATCHES_OVERDRAFT_MAX, type InputChannel, type OutputChannel } from './channel.ts'
import { Debloater, NO_DEBLOATING, type Debloating } from './debloater.ts'
import { ElementQueue } from './element-queue.ts'

/** Both ends in one thread: batches pass by reference. */
export class LocalChannel implements OutputChannel, InputChannel {
  recordsMax: number
  readonly #queue = new ElementQueue<StreamElement>()
  readonly #credits: number
  readonly #pressure: OutputPressure
  readonly #debloater: Debloater
  readonly #clock: Debloating['clock']
  #waitingBatches = 0
  #isBlocked = false
  #isClosed = false
  #notify: () => void = nothing

  constructor(credits: number, pressure: OutputPressure, { settings, clock }: Debloating = NO_DEBLOATING) {
    this.#credits = credits
    this.#pressure = pressure
    this.#debloater = new Debloater(settings, credits)
    this.#clock = clock
    this.recordsMax = this.#debloater.limit
  }

  sendBatch(batch: RecordBatch): void {
    if (this.#isClosed) return
    this.#waitingBatches++
    assert(this.#waitingBatches <= this.#credits + BATCHES_OVERDRAFT_MAX, 'a channel was overdrawn without pause', {
      batches: this.#waitingBatches,
    })
    if (!this.#isBlocked && this.#waitingBatches >= this.#credits) {
      this.#isBlocked = true
      this.#pressure.block()
    }
    this.#push(batch)
  }

  sendControl(element: ControlElement): void {
    if (!this.#isClosed) this.#push(element)
  }

  poll(): StreamElement | undefined {
    const element = this.#queue.shift()
    if (element === undefined || element.kind === 'barrier') this.#onPause()
    else if (element.kind === 'records') this.#onTaken(element)
    return element
  }

  hasNext(): boolean {
    return this.#queue.size > 0
  }

  onAvailable(notify: () => void): void {
    this.#notify = notify
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#queue.clear()
    this.#waitingBatches = 0
    if (this.#isBlocked) {
      this.#isBlocked = false
      this.#pressure.free()
    }
  }

  #push(element: StreamElement): void {
    this.#queue.push(element)
    if (this.#queue.size === 1) this.#notify()
  }

  #onPause(): void {
    if (this.#debloater.isBusy) this.#debloater.onPause(this.#clock.monotonicMs())
  }

  #onTaken(batch: RecordBatch): void {
    this.#debloater.onTaken(batch.values.length, this.#clock.monotonicMs())
    this.recordsMax = this.#debloater.limit
    this.#giveBackCredit()
  }

  #giveBackCredit(): void {
    this.#waitingBatches--
    if (this.#isBlocked && this.#waitingBatches < this.#credits) {
      this.#isBlocked = false
      this.#pressure.free()
    }
  }
}

function nothing(): void {}
