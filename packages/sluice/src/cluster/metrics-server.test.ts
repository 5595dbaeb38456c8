import { describe, expect, onTestFinished, test } from 'vitest'
import { parseMetrics } from '../../test/prometheus-parser.ts'
import { leaderEpoch } from '../base/ids.ts'
import { metricRow } from '../metrics/metric-table.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { serveMetrics } from './metrics-server.ts'
import { ProcessLog } from './process-log.ts'
import { createProcessVitals } from './process-vitals.ts'
import { TaskManagerSight } from './taskmanager-sight.ts'

const JOB_MANAGER = { host: 'jm', port: 6123 }

async function world() {
  const manual = createManualEnv()
  const vitals = createProcessVitals({ role: 'taskmanager', id: 'tm-1', host: 'a' })
  const log = new ProcessLog({ level: 'info', format: 'json', output: { writeLine() {} }, wallMs: () => 0 })
  const facts = { id: 'tm-1', host: 'a', slotCount: 4, memoryBytes: 1e9, cpuCores: 2 }
  const sight = new TaskManagerSight({ ...facts, clock: manual.clock, vitals, log })
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, sight)
  onTestFinished(async () => {
    vitals.stop()
    await server.close()
  })
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.address.port}${path}`, { method })
  return { sight, log, ask, advance: (ms: number) => manual.advance(ms), port: server.address.port }
}

describe('the endpoint of a TaskManager', () => {
  test('gives metrics that a parser reads, each with the labels of its row', async () => {
    const { ask, log } = await world()
    log.write('warn', 'something')
    const response = await ask('/metrics')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = parseMetrics(await response.text())
    const value = (name: string): number | undefined =>
      families.find((family) => family.name === name)?.samples[0]?.value
    expect(value('sluice_taskmanager_slots')).toBe(4)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(value('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1000)
    expect(value('flink_taskmanager_Status_JVM_Memory_Heap_Used')).toBeGreaterThan(1e6)
    for (const { name, samples } of families)
      for (const { labels } of samples) {
        const { quantile: _, ...own } = labels
        expect(Object.keys(own).sort()).toEqual([...metricRow(name as 'sluice_job_state').labels].sort()) // a name that we wrote
      }
  })

  test('is well until it has searched for a leader for too long, and again when it has one', async () => {
    const { ask, sight, advance } = await world()
    const health = async (): Promise<unknown> => {
      const response = await ask('/health')
      const body: Record<string, unknown> = JSON.parse(await response.text())
      return { code: response.status, ...body }
    }
    expect(await health()).toMatchObject({
      code: 200,
      status: 'ok',
      role: 'taskmanager',
      id: 'tm-1',
      state: 'searching',
    })
    advance(10_001)
    expect(await health()).toMatchObject({
      code: 503,
      status: 'failing',
      errors: [expect.stringContaining('not been registered')],
    })
    sight.meters.note({ kind: 'registered', jobManager: JOB_MANAGER, epoch: leaderEpoch(1) })
    sight.show(() => ({ phase: 'serving', jobManager: JOB_MANAGER, epoch: leaderEpoch(1), slotsInUse: 3 }))
    expect(await health()).toMatchObject({ code: 200, state: 'registered', jobManager: 'jm:6123', slotsInUse: 3 })
  })

  test('has nothing else, and changes nothing', async () => {
    const { ask } = await world()
    for (const [path, method] of [
      ['/', 'GET'],
      ['/metrics', 'POST'],
      ['/metrics/x', 'GET'],
      ['/health', 'DELETE'],
    ] as const)
      expect([path, method, (await ask(path, method)).status]).toEqual([path, method, 404])
  })

  test('does not start on a port that is taken, and says which', async () => {
    const { sight, port } = await world()
    await expect(serveMetrics({ host: '127.0.0.1', port }, sight)).rejects.toMatchObject({
      code: 'NET1005',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
  })
})

describe('the vitals of a process', () => {
  test('are numbers that make sense, whoever asks how often', () => {
    const vitals = createProcessVitals({ role: 'r', id: 'i', host: 'h' })
    onTestFinished(() => vitals.stop())
    for (let n = 0; n < 3; n++) {
      const { heapUsedBytes, cpuRatio, eventLoopDelayMs } = vitals.read()
      expect(heapUsedBytes).toBeGreaterThan(1e6)
      expect(cpuRatio).toBeGreaterThanOrEqual(0)
      expect(eventLoopDelayMs).toBeGreaterThanOrEqual(0)
      expect(vitals.samples().length).toBeGreaterThan(5)
    }
  })
})
