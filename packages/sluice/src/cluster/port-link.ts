import type { MessagePort } from 'node:worker_threads'
import type { DataFrame, DataLink } from '../exchange/data-link.ts'

/** A data link over a message port. Batches move by transferring their buffer; frames that come early wait in the port. */
export function portLink(port: MessagePort): DataLink {
  return {
    post(frame) {
      if (frame.kind === 'batch') port.postMessage(frame, [frame.bytes.buffer])
      else port.postMessage(frame)
    },
    receive(onFrame) {
      port.on('message', (frame: DataFrame) => onFrame(frame))
    },
    close: () => port.close(),
  }
}
