/** Takes everything out of one channel. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { portLink } from '../../packages/sluice/src/cluster/port-link.ts'
import { LinkRouter } from '../../packages/sluice/src/exchange/link-router.ts'
import { RemoteInputChannel } from '../../packages/sluice/src/exchange/remote-channel.ts'

/** The default of exchange.channel.batchesMax. */
const CHANNEL_CREDITS = 8

const link = portLink(workerData as MessagePort) // given by slot-channel.ts
const input = new RemoteInputChannel(0, link, CHANNEL_CREDITS)
const router = new LinkRouter(link)
router.addInput(0, input)
input.onAvailable(() => {
  for (let element = input.poll(); element !== undefined; element = input.poll()) {
    if (element.kind === 'end') parentPort?.postMessage('ended') // oxlint-disable-line unicorn/require-post-message-target-origin -- a message port, no window
  }
})
router.start()
parentPort?.postMessage('ready') // oxlint-disable-line unicorn/require-post-message-target-origin -- a message port, no window
