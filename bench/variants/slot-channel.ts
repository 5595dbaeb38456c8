import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import { portLink } from '../../packages/sluice/src/cluster/port-link.ts'
import { OutputPressure } from '../../packages/sluice/src/exchange/blocking.ts'
import { LinkRouter } from '../../packages/sluice/src/exchange/link-router.ts'
import { RemoteOutputChannel } from '../../packages/sluice/src/exchange/remote-channel.ts'
import { BATCH_RECORDS_MAX } from '../../packages/sluice/src/stream/element.ts'
import { eventAt } from '../workload/events.ts'

/** The default of exchange.channel.batchesMax. */
const CREDITS = 8

export interface ChannelMeasurement {
  readonly records: number
  readonly processingMs: number
}

/** One channel between two threads, with credits: encoded here, decoded there. */
export async function measureSlotChannel({ batches }: { readonly batches: number }): Promise<ChannelMeasurement> {
  const values = Array.from({ length: BATCH_RECORDS_MAX }, (_, index) => eventAt(index))
  const timestamps = values.map(({ timestampMs }) => timestampMs)
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL('./channel-consumer.ts', import.meta.url), {
    workerData: port2,
    transferList: [port2],
  })
  await once(worker, 'message') // it listens
  const ended = once(worker, 'message')
  const link = portLink(port1)
  const router = new LinkRouter(link)
  let left = batches
  const pressure: OutputPressure = new OutputPressure(() => send())
  const output = new RemoteOutputChannel(0, link, CREDITS, pressure, 'bench')
  const send = (): void => {
    for (; left > 0 && pressure.blocked === 0; left--) output.sendBatch({ kind: 'records', values, timestamps })
    if (left === 0) output.sendControl({ kind: 'end' })
  }
  router.addOutput(0, output)
  router.start()
  const beginMs = performance.now()
  send()
  await ended
  const processingMs = performance.now() - beginMs
  link.close()
  await worker.terminate()
  return { records: batches * BATCH_RECORDS_MAX, processingMs }
}
