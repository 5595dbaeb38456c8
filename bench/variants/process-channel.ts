import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { OutputPressure } from '../../packages/sluice/src/exchange/blocking.ts'
import { LinkRouter } from '../../packages/sluice/src/exchange/link-router.ts'
import { RemoteOutputChannel } from '../../packages/sluice/src/exchange/remote-channel.ts'
import { BATCH_RECORDS_MAX } from '../../packages/sluice/src/stream/element.ts'
import { eventAt } from '../workload/events.ts'
import { benchEnv, openLink, type ConsumerReport } from './process-link.ts'
import type { ChannelMeasurement } from './slot-channel.ts'

/** The default of exchange.channel.batchesMax. */
const CREDITS = 8

interface ProcessChannelMeasurement extends ChannelMeasurement, ConsumerReport {
  readonly producerCpuMs: number
}

/** One channel between two processes over loopback, with credits: encoded here, decoded there. */
export async function measureProcessChannel({
  batches,
}: {
  readonly batches: number
}): Promise<ProcessChannelMeasurement> {
  const values = Array.from({ length: BATCH_RECORDS_MAX }, (_, index) => eventAt(index))
  const timestamps = values.map(({ timestampMs }) => timestampMs)
  const consumer = spawn(process.execPath, [fileURLToPath(new URL('./process-consumer.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  consumer.stdout.setEncoding('utf8')
  const [port]: unknown[] = await once(consumer.stdout, 'data') // it listens
  const ended = once(consumer.stdout, 'data')
  const env = benchEnv()
  const link = openLink(env, await env.network.connect({ host: '127.0.0.1', port: Number(port) }, 5000))
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
  const before = process.cpuUsage()
  const beginMs = performance.now()
  send()
  const [report] = await ended
  const processingMs = performance.now() - beginMs
  const used = process.cpuUsage(before)
  link.close()
  await once(consumer, 'exit')
  const { consumerCpuMs }: ConsumerReport = JSON.parse(String(report)) // written by process-consumer.ts
  const cpuMs = (used.user + used.system) / 1000
  return { records: batches * BATCH_RECORDS_MAX, processingMs, consumerCpuMs, producerCpuMs: cpuMs }
}
