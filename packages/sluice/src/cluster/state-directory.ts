/**
 * The directory in which a job keeps what it needs to go on after a crash.
 *
 * Owns: the claim of this process, `job.json` (whose state it is, and whether the job has finished), clearing on `fresh`. Does not own:
 * what checkpoints look like inside (checkpoint/stores/directory-store.ts).
 *
 * T1 Nothing of another job is ever changed: JOB1005 comes before the first change beside the claim.
 * T2 Clearing removes only what Sluice wrote, and keeps leader epochs: names of output files contain them and stay unique.
 * T3 `job.json` is replaced in one step and durable when a call resolves.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { isRecord } from '../base/json.ts'
import type { ProcessTable } from './process-identity.ts'
import { claimState, type StateClaim } from './state-owner.ts'

export interface StateDirectoryOptions {
  readonly disk: Disk
  readonly root: string
  readonly jobName: string
  readonly start: 'continue' | 'fresh'
  readonly processes: ProcessTable
}

/** What is left of a finished run. */
export interface FinishedRun {
  readonly wallMs: number
  readonly durationMs: number
  readonly recordsRead: number
  readonly checkpointsCompleted: number
  readonly restartCount: number
}

export interface StateDirectory {
  readonly root: string
  /** Set when the job has finished in this directory: there is nothing to go on with. */
  readonly finishedBefore: FinishedRun | undefined
  markFinished(run: FinishedRun): Promise<void>
  /** Idempotent. */
  release(): Promise<void>
}

interface JobFile {
  readonly format: 1
  readonly jobName: string
  readonly finished?: FinishedRun
}

/** @throws JOB1004, JOB1005, CKP1001 when it cannot be written, CKP1003 when `job.json` is damaged */
export async function openStateDirectory(options: StateDirectoryOptions): Promise<StateDirectory> {
  try {
    return await open(options)
  } catch (error) {
    throw error instanceof DiskError ? unusable(options.root, error) : error
  }
}

async function open(options: StateDirectoryOptions): Promise<StateDirectory> {
  const { disk, root, processes } = options
  await disk.makeDirectory(root)
  const claim = await claimState(disk, root, processes)
  try {
    return await openClaimed(options, claim)
  } catch (error) {
    await claim.release()
    throw error
  }
}

async function openClaimed(
  { disk, root, jobName, start }: StateDirectoryOptions,
  claim: StateClaim,
): Promise<StateDirectory> {
  const known = await readJobFile(disk, root)
  if (known !== undefined && known.jobName !== jobName) throw ofAnotherJob(root, known.jobName, jobName) // T1
  if (start === 'fresh') await clear(disk, root)
  const finishedBefore = start === 'fresh' ? undefined : known?.finished
  if (start === 'fresh' || known === undefined) await writeJobFile(disk, root, { format: 1, jobName })
  return {
    root,
    finishedBefore,
    markFinished: (finished) => writeJobFile(disk, root, { format: 1, jobName, finished }),
    release: () => claim.release(),
  }
}

/** T2. Manifests first: no manifest is ever without its data. */
async function clear(disk: Disk, root: string): Promise<void> {
  await disk.removeTree(`${root}/manifests`)
  await disk.syncDirectory(root)
  await disk.removeTree(`${root}/checkpoints`)
}

const FILE_NAME = 'job.json'

async function readJobFile(disk: Disk, root: string): Promise<JobFile | undefined> {
  const path = `${root}/${FILE_NAME}`
  if ((await disk.stat(path)) === undefined) return undefined
  const text = new TextDecoder().decode(await disk.read(path))
  const parsed = parseJobFile(text)
  if (parsed !== undefined) return parsed
  throw new EngineError(
    'CKP1003',
    `${path} does not say which job this state belongs to: it is damaged, or of a newer version. Nothing was started and nothing was ` +
      'changed. Give another --state-dir; if the state is not needed any more, delete the directory.',
    { context: { path } },
  )
}

function parseJobFile(text: string): JobFile | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // CKP1003
  }
  if (!isRecord(value) || value['format'] !== 1 || typeof value['jobName'] !== 'string') return undefined
  const finished = value['finished']
  if (finished === undefined) return { format: 1, jobName: value['jobName'] }
  const run = isRecord(finished) ? finishedRunOf(finished) : undefined
  return run === undefined ? undefined : { format: 1, jobName: value['jobName'], finished: run }
}

function finishedRunOf(value: Readonly<Record<string, unknown>>): FinishedRun | undefined {
  const { wallMs, durationMs, recordsRead, checkpointsCompleted, restartCount } = value
  if (typeof wallMs !== 'number' || typeof durationMs !== 'number' || typeof recordsRead !== 'number') return undefined
  if (typeof checkpointsCompleted !== 'number' || typeof restartCount !== 'number') return undefined
  return { wallMs, durationMs, recordsRead, checkpointsCompleted, restartCount }
}

// T3
async function writeJobFile(disk: Disk, root: string, content: JobFile): Promise<void> {
  const temporary = `${root}/.${FILE_NAME}.tmp`
  const file = await disk.openWrite(temporary, 'truncate')
  try {
    await file.write(new TextEncoder().encode(`${JSON.stringify(content, undefined, 2)}\n`))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, `${root}/${FILE_NAME}`)
  await disk.syncDirectory(root)
}

function ofAnotherJob(root: string, owner: string, jobName: string): EngineError {
  return new EngineError(
    'JOB1005',
    `the state directory ${root} belongs to job "${owner}", this is job "${jobName}". Nothing was started and nothing was changed. ` +
      `Give another --state-dir; if "${owner}" was renamed and its state is not needed any more, delete the directory.`,
    { context: { job: jobName, path: root } },
  )
}

function unusable(root: string, error: DiskError): EngineError {
  return new EngineError(
    'CKP1001',
    `the state directory ${root} cannot be used: ${messageOf(error)}. Nothing was started. ` +
      'Give a --state-dir that can be written, or make room.',
    { cause: error, context: { path: root } },
  )
}
