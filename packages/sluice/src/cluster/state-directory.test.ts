import { describe, expect, test } from 'vitest'
import type { Disk } from '../base/env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { ProcessIdentity, ProcessTable } from './process-identity.ts'
import { openStateDirectory, type FinishedRun, type StateDirectoryOptions } from './state-directory.ts'

const ROOT = '/state/orders'
const FINISHED: FinishedRun = { wallMs: 1, durationMs: 2, recordsRead: 3, checkpointsCompleted: 4, restartCount: 5 }

const processOf = (pid: number, host = 'here'): ProcessIdentity => ({ pid, host, start: `${pid}00` })

function processes(own: ProcessIdentity, alive: readonly number[]): ProcessTable {
  return {
    own,
    stateOf: ({ pid, host }) => (host !== 'here' ? 'foreign' : alive.includes(pid) ? 'alive' : 'gone'),
  }
}

function optionsOf(disk: Disk, more: Partial<StateDirectoryOptions> = {}): StateDirectoryOptions {
  return { disk, root: ROOT, jobName: 'orders', start: 'continue', processes: processes(processOf(1), [1]), ...more }
}

async function write(disk: Disk, path: string, text = ''): Promise<void> {
  await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
  const file = await disk.openWrite(path, 'truncate')
  await file.write(new TextEncoder().encode(text))
  await file.close()
}

describe('a state directory', () => {
  test('is claimed by one living process at a time, and the refusal names it', async () => {
    const disk = new MemoryDisk()
    const first = await openStateDirectory(optionsOf(disk))
    const second = optionsOf(disk, { processes: processes(processOf(2), [1, 2]) })
    await expect(openStateDirectory(second)).rejects.toMatchObject({
      code: 'JOB1004',
      message: expect.stringContaining('process 1.'),
    })
    await first.release()
    await first.release()
    await expect(openStateDirectory(second)).resolves.toBeDefined()
  })

  test('is refused to a second run of the same process', async () => {
    const disk = new MemoryDisk()
    await openStateDirectory(optionsOf(disk))
    await expect(openStateDirectory(optionsOf(disk))).rejects.toMatchObject({ code: 'JOB1004' })
  })

  test('is taken over from a process that is gone, and its claim is cleared away', async () => {
    const disk = new MemoryDisk()
    await openStateDirectory(optionsOf(disk))
    await openStateDirectory(optionsOf(disk, { processes: processes(processOf(2), [2]) }))
    expect(disk.files().filter((path) => path.includes('/owner/'))).toHaveLength(1)
  })

  test('is not taken from a process of another machine, and the refusal says how to', async () => {
    const disk = new MemoryDisk()
    await openStateDirectory(optionsOf(disk, { processes: processes(processOf(7, 'there'), []) }))
    await expect(openStateDirectory(optionsOf(disk))).rejects.toMatchObject({
      code: 'JOB1004',
      message: expect.stringMatching(/process 7 on machine there.*delete .*owner\/7~/),
    })
  })

  test('of another job is refused and unchanged, also when asked to start fresh', async () => {
    const disk = new MemoryDisk()
    await (await openStateDirectory(optionsOf(disk))).release()
    await write(disk, `${ROOT}/manifests/000001.manifest`)
    const before = disk.files()
    for (const start of ['continue', 'fresh'] as const) {
      await expect(openStateDirectory(optionsOf(disk, { jobName: 'other', start }))).rejects.toMatchObject({
        code: 'JOB1005',
      })
    }
    expect(disk.files()).toEqual(before)
  })

  test('remembers that the job has finished until it is started fresh', async () => {
    const disk = new MemoryDisk()
    const first = await openStateDirectory(optionsOf(disk))
    expect(first.finishedBefore).toBeUndefined()
    await first.markFinished(FINISHED)
    await first.release()
    const second = await openStateDirectory(optionsOf(disk))
    expect(second.finishedBefore).toEqual(FINISHED)
    await second.release()
    const third = await openStateDirectory(optionsOf(disk, { start: 'fresh' }))
    expect(third.finishedBefore).toBeUndefined()
    await third.release()
    expect((await openStateDirectory(optionsOf(disk))).finishedBefore).toBeUndefined()
  })

  test('started fresh loses checkpoints, and keeps leader epochs and what is not ours', async () => {
    const disk = new MemoryDisk()
    await (await openStateDirectory(optionsOf(disk))).release()
    for (const name of ['manifests/000001.manifest', 'checkpoints/chk-000001/a', 'epochs/000002', 'notes.txt'])
      await write(disk, `${ROOT}/${name}`)
    await (await openStateDirectory(optionsOf(disk, { start: 'fresh' }))).release()
    expect(disk.files()).toEqual([`${ROOT}/epochs/000002`, `${ROOT}/job.json`, `${ROOT}/notes.txt`])
  })

  test.for([
    '',
    '{"format":1',
    '{"format":2,"jobName":"orders"}',
    '{"format":1,"jobName":"orders","finished":{"wallMs":"x"}}',
  ])('with a damaged job.json (%s) is refused and unchanged', async (content) => {
    const disk = new MemoryDisk()
    await write(disk, `${ROOT}/job.json`, content)
    await expect(openStateDirectory(optionsOf(disk))).rejects.toMatchObject({ code: 'CKP1003' })
    expect(disk.files()).toEqual([`${ROOT}/job.json`])
  })
})
