/** Data connections between slot threads of this process: message ports, made for each attempt anew. */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { ToSlot } from '../control/messages.ts'
import { AttemptPairs } from '../taskmanager/attempt-pairs.ts'
import type { SlotThread } from './slot-thread-handle.ts'

export type PortPairs = AttemptPairs<MessagePort>

export function createPortPairs(): PortPairs {
  return new AttemptPairs<MessagePort>({
    make: () => {
      const { port1, port2 } = new MessageChannel()
      return [port1, port2]
    },
    close: (port) => port.close(),
  })
}

/** A deployment travels with the thread's ends of its links. */
export function postToSlot(thread: SlotThread, message: ToSlot, pairs: PortPairs): void {
  const ports = message.kind === 'deploy' ? [...pairs.take(message.deployment)] : []
  const links = ports.map(([slot, port]) => ({ slot, port }))
  thread.post(
    { kind: 'message', message, links },
    links.map(({ port }) => port),
  )
}
