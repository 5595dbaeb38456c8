/** Whether the shared storage can be written: at the start of a JobManager, and whenever somebody asks for its health. */
import { join } from 'node:path'
import type { Disk, Env } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'

/** Who asks again within this time is told what was found before: health is asked for often, and by many. */
const KNOWN_FOR_MS = 5000
/** A storage that takes longer is as good as none. */
export const PROBE_TIMEOUT_MS = 2000

export interface StoragePlace {
  /** The folder that all processes share. */
  readonly root: string
  /** Of this process: several may try at the same time. */
  readonly id: string
}

/** @throws CLU1003 when the folder cannot be made or written */
export async function tryStorage(disk: Disk, place: StoragePlace): Promise<void> {
  try {
    await disk.makeDirectory(place.root)
    await writeAndRemove(disk, place)
  } catch (thrown) {
    throw new EngineError(
      'CLU1003',
      `the shared storage ${place.root} cannot be written: ${messageOf(thrown)}. The JobManager was not started. Give a folder that this user may write, the same for all processes of the cluster, with --storage or cluster.storage`,
      { context: { path: place.root }, cause: thrown },
    )
  }
}

async function writeAndRemove(disk: Disk, { root, id }: StoragePlace): Promise<void> {
  const path = join(root, `.try-${id}`)
  const file = await disk.openWrite(path, 'truncate')
  try {
    await file.write(new Uint8Array(1))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.remove(path)
}

type Outcome = EngineError | undefined

/** One attempt at a time, however slow the storage is and however many ask. */
export class StorageProbe {
  readonly #env: Pick<Env, 'clock' | 'disk' | 'timers'>
  readonly #place: StoragePlace
  #known: { readonly atMs: number; readonly outcome: Outcome } | undefined
  #running: Promise<Outcome> | undefined

  constructor(env: Pick<Env, 'clock' | 'disk' | 'timers'>, place: StoragePlace) {
    this.#env = env
    this.#place = place
  }

  /** Undefined: it can be written. */
  check(): Promise<Outcome> {
    const { clock, timers } = this.#env
    if (this.#known !== undefined && clock.monotonicMs() - this.#known.atMs < KNOWN_FOR_MS)
      return Promise.resolve(this.#known.outcome)
    this.#running ??= this.#run()
    const running = this.#running
    return new Promise((resolve) => {
      const timer = timers.after(PROBE_TIMEOUT_MS, () =>
        resolve(this.#notWritten(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`)),
      )
      void running.then((outcome) => {
        timer.cancel()
        resolve(outcome)
      })
    })
  }

  async #run(): Promise<Outcome> {
    const outcome = await writeAndRemove(this.#env.disk, this.#place).then(
      () => undefined,
      (thrown: unknown) => this.#notWritten(messageOf(thrown)),
    )
    this.#known = { atMs: this.#env.clock.monotonicMs(), outcome }
    this.#running = undefined
    return outcome
  }

  #notWritten(why: string): EngineError {
    const { root } = this.#place
    return new EngineError(
      'CLU1003',
      `the shared storage ${root} cannot be written: ${why}. Jobs run on, but no checkpoint completes and no JobManager can take over. See whether it is mounted, full, or read-only`,
      { context: { path: root } },
    )
  }
}
