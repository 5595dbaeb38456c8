/**
 * A file in each folder of a sink that says: nothing more will come here. For folders that stand for periods of event time.
 *
 * Whenever event time has passed the end of a period, each subtask adds that to what it commits. When it is committed, all that the subtask had for the
 * folders of that period and of those before is visible, and the subtask says so in a file of its own. A folder is complete when all subtasks are
 * behind its period. The last one of them to say so sees that, because each speaks first and looks afterwards. After a crash all of it is done
 * again, and comes to the same.
 */
import type { CommitContext, CommitRequest, Sink, SinkWriter, WriterSnapshot } from 'sluice'

const SUCCESS = '_SUCCESS'
const PROGRESS_FOLDER = '.progress'
const UNFINISHED = '.unfinished'

/** The subtask has written all of its records before this time. */
interface Progress {
  readonly behindMs: number
}

export interface SuccessFileOptions {
  /** That of the sink. */
  readonly directory: string
  readonly periodMs: number
  /** When the period of a folder begins; undefined for a folder that stands for none. */
  readonly startOf: (folder: string) => number | undefined
}

export function withSuccessFiles<T, File extends object, State>(
  sink: Sink<T, File, State>,
  options: SuccessFileOptions,
): Sink<T, File | Progress, State> {
  return Object.freeze<Sink<T, File | Progress, State>>({
    kind: sink.kind,
    identity: sink.identity,
    async prepare(context) {
      const { disk } = context.env
      const folder = `${options.directory}/${PROGRESS_FOLDER}`
      if (context.fresh) await disk.removeTree(folder)
      else await removeUnfinished(disk, folder)
      const restoredCommittables = context.restoredCommittables.filter(isFile)
      await sink.prepare?.({ ...context, restoredCommittables })
    },
    createWriter: (context, restored) => new ProgressWriter(sink.createWriter(context, restored), options.periodMs),
    createCommitter(context) {
      const committer = sink.createCommitter?.(context)
      return { commit: async (requests) => committer?.commit(requests.filter(isRequestOfFile)) }
    },
    async postCommit(committed, context) {
      await sink.postCommit?.(committed.filter(isFile), context)
      const progress = committed.findLast((committable) => !isFile(committable)) as Progress | undefined // it is no file
      if (progress !== undefined) await new Folders(options, context).onProgress(progress)
    },
  })
}

type Disk = CommitContext['env']['disk']

/** What was being written when a process ended. */
async function removeUnfinished(disk: Disk, folder: string): Promise<void> {
  await disk.makeDirectory(folder)
  for (const { name } of await disk.list(folder)) if (name.endsWith(UNFINISHED)) await disk.remove(`${folder}/${name}`)
}

function isFile<File extends object>(committable: File | Progress): committable is File {
  return !('behindMs' in committable)
}

function isRequestOfFile<File extends object>(
  request: CommitRequest<File | Progress>,
): request is CommitRequest<File> & CommitRequest<File | Progress> {
  return isFile(request.committable)
}

class ProgressWriter<T, File, State> implements SinkWriter<T, File | Progress, State> {
  readonly #files: SinkWriter<T, File, State>
  readonly #periodMs: number
  #behindMs = Number.NEGATIVE_INFINITY
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(files: SinkWriter<T, File, State>, periodMs: number) {
    this.#files = files
    this.#periodMs = periodMs
  }

  write(value: T, timestamp: number): void {
    this.#files.write(value, timestamp)
  }

  writeWatermark(watermark: number): void {
    this.#behindMs = Math.floor((watermark + 1) / this.#periodMs) * this.#periodMs
  }

  isBlocked(): boolean {
    return this.#files.isBlocked()
  }

  async snapshot(checkpoint: number): Promise<WriterSnapshot<File | Progress, State>> {
    const behindMs = this.#behindMs
    const progress = behindMs > this.#saidMs ? [{ behindMs }] : []
    this.#saidMs = behindMs
    const { committables, states } = await this.#files.snapshot(checkpoint)
    return { committables: [...committables, ...progress], states }
  }

  endOfInput(): void {
    this.#files.endOfInput?.()
  }

  close(): Promise<void> {
    return this.#files.close()
  }
}

class Folders {
  readonly #options: SuccessFileOptions
  readonly #context: CommitContext
  readonly #disk: Disk

  constructor(options: SuccessFileOptions, context: CommitContext) {
    this.#options = options
    this.#context = context
    this.#disk = context.env.disk
  }

  async onProgress({ behindMs }: Progress): Promise<void> {
    const { subtask, parallelism } = this.#context
    await this.#disk.makeDirectory(this.#path(PROGRESS_FOLDER))
    await this.#write(progressFile(subtask, parallelism), `${behindMs}\n`)
    const missing: string[] = []
    // They are made from the oldest to the newest: in front of one that is there none is missing.
    for (const folder of (await this.#foldersBefore(await this.#behindOfAll(parallelism))).toReversed()) {
      if ((await this.#disk.stat(this.#path(`${folder}/${SUCCESS}`))) !== undefined) break
      missing.push(folder)
    }
    for (const folder of missing.toReversed()) await this.#write(`${folder}/${SUCCESS}`, 'success\n')
  }

  async #behindOfAll(parallelism: number): Promise<number> {
    let least = Number.POSITIVE_INFINITY
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const path = this.#path(progressFile(subtask, parallelism))
      if ((await this.#disk.stat(path)) === undefined) return Number.NEGATIVE_INFINITY
      least = Math.min(least, Number(new TextDecoder().decode(await this.#disk.read(path))))
    }
    return least
  }

  /** Folders whose period is over, in order of time. */
  async #foldersBefore(behindMs: number): Promise<readonly string[]> {
    const { periodMs } = this.#options
    const folders = await this.#foldersBelow('')
    const over = folders.filter(({ startMs }) => startMs + periodMs <= behindMs)
    return over.sort((a, b) => a.startMs - b.startMs).map(({ folder }) => folder)
  }

  async #foldersBelow(parent: string): Promise<{ readonly folder: string; readonly startMs: number }[]> {
    const entries = await this.#disk.list(parent === '' ? this.#options.directory : this.#path(parent))
    const found: { readonly folder: string; readonly startMs: number }[] = []
    for (const { name, kind } of entries) {
      if (kind !== 'directory' || name.startsWith('.')) continue
      const folder = parent === '' ? name : `${parent}/${name}`
      const startMs = this.#options.startOf(folder)
      if (startMs === undefined) found.push(...(await this.#foldersBelow(folder)))
      else found.push({ folder, startMs })
    }
    return found
  }

  /** Whole or not at all. Never into a file of an earlier process: after a power loss it may have its new name already. */
  async #write(name: string, text: string): Promise<void> {
    const path = this.#path(name)
    const { incarnation, subtask } = this.#context
    const unfinished = this.#path(`${PROGRESS_FOLDER}/${incarnation}-${subtask}${UNFINISHED}`)
    const file = await this.#disk.openWrite(unfinished, 'truncate')
    try {
      await file.write(new TextEncoder().encode(text))
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.rename(unfinished, path)
    await this.#disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
  }

  #path(name: string): string {
    return `${this.#options.directory}/${name}`
  }
}

/** Subtasks of another parallelism speak for other parts of the stream. */
function progressFile(subtask: number, parallelism: number): string {
  return `${PROGRESS_FOLDER}/${subtask}-of-${parallelism}`
}
