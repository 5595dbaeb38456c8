/** Data links between slots of one thread. Batches are encoded and credits counted exactly as between threads. */
import type { Env } from '../base/env.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { DataFrame, DataLink } from '../exchange/data-link.ts'
import { Mailbox } from './mailbox.ts'

export interface LinkEnd {
  readonly slot: SlotIndex
  /** Where frames that come to this end are delivered. */
  readonly env: Env
}

export interface LinkShape {
  readonly framesPerTurn: number
  /** Milliseconds that the next frame takes; undefined for the next turn. */
  delayMs?(from: SlotIndex, to: SlotIndex): number | undefined
}

/** The two ends of one link. */
export function inlineLink(a: LinkEnd, b: LinkEnd, shape: LinkShape): readonly [DataLink, DataLink] {
  const toA = new InlineInbox(b.slot, a, shape)
  const toB = new InlineInbox(a.slot, b, shape)
  return [linkOf(toA, toB), linkOf(toB, toA)]
}

class InlineInbox {
  readonly #mailbox: Mailbox<DataFrame>
  #onFrame: (frame: DataFrame) => void = () => {}

  constructor(from: SlotIndex, to: LinkEnd, shape: LinkShape) {
    this.#mailbox = new Mailbox<DataFrame>({
      env: to.env,
      itemsPerTurn: shape.framesPerTurn,
      delayMs: () => shape.delayMs?.(from, to.slot),
      deliver: (frame) => this.#onFrame(frame),
    })
  }

  push(frame: DataFrame): void {
    this.#mailbox.push(frame)
  }

  receive(onFrame: (frame: DataFrame) => void): void {
    this.#onFrame = onFrame
    this.#mailbox.open()
  }

  close(): void {
    this.#mailbox.close()
  }
}

function linkOf(own: InlineInbox, peer: InlineInbox): DataLink {
  return {
    post: (frame) => peer.push(frame),
    receive: (onFrame) => own.receive(onFrame),
    close: () => own.close(),
  }
}
