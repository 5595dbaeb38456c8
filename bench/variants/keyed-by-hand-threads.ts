import { once } from 'node:events'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { joined } from '../workload/results.ts'
import type { HandThreadData, HandThreadReport } from './hand-thread.ts'
import type { KeyedMeasurement, KeyedTask } from './keyed-measurement.ts'

/** Two threads that exchange batches of bytes over one message channel. */
export async function countByHandThreads({ records }: KeyedTask): Promise<KeyedMeasurement> {
  const beginMs = performance.now()
  const { port1, port2 } = new MessageChannel()
  const workers = [startThread({ thread: 0, records, peer: port1 }), startThread({ thread: 1, records, peer: port2 })]
  const reports = await Promise.all(workers.map(reportOf))
  const wholeMs = performance.now() - beginMs
  await Promise.all(workers.map((worker) => worker.terminate()))
  const startMs = Math.min(...reports.map((report) => report.startMs))
  const endMs = Math.max(...reports.map((report) => report.endMs))
  const summary = joined(reports.map((report) => report.summary))
  const cpuMs = reports.reduce((sum, report) => sum + report.cpuMs, 0)
  return { processingMs: endMs - startMs, cpuMs, wholeMs, summary, checkpoints: 0 }
}

function startThread(workerData: HandThreadData): Worker {
  const transferList: MessagePort[] = [workerData.peer]
  return new Worker(new URL('./hand-thread.ts', import.meta.url), { workerData, transferList })
}

async function reportOf(worker: Worker): Promise<HandThreadReport> {
  const [report] = (await once(worker, 'message')) as [HandThreadReport] // its only message
  return report
}
