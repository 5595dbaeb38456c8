/**
 * Who leads, and which ids belong to whom: claimed epochs and reserved blocks of ids.
 *
 * Owns: the files of `epochs/` and `blocks/`. Does not own: what is published (manifest-directory.ts).
 *
 * F6 A block belongs to the epoch that is written in it, from its first byte on; it is durable before the first of its ids is used.
 * F7 Who creates a block looks for higher epochs behind that, and who claims an epoch looks for blocks behind that: one of the two sees
 *    the other. The first block of a new leader is the next one an older leader would take, so that this one meets it there as well.
 */
import { DiskError } from '../../base/disk-error.ts'
import { EngineError } from '../../base/errors.ts'
import { type LeaderEpoch, leaderEpoch } from '../../base/ids.ts'
import { createWholeFile } from '../../base/whole-file.ts'
import { blockName, blockOf, epochName, epochOf } from './directory-layout.ts'
import { readFailed, writeFailed } from './storage-errors.ts'
import { type StoreFolders, attempt, idsIn } from './store-folders.ts'

/** Claims and reservations tried in one call: as many as processes may start at the same moment. */
export const CLAIMS_MAX = 1_000

/** Epochs that the jobs of one name may claim under one leader of a cluster. */
const EPOCHS_PER_LEADER = 1_000_000

export class EpochDirectory {
  readonly #folders: StoreFolders

  constructor(folders: StoreFolders) {
    this.#folders = folders
  }

  async current(): Promise<LeaderEpoch> {
    return leaderEpoch(Math.max(0, ...idsIn(await this.#folders.list(this.#folders.layout.epochs), epochOf)))
  }

  async claim(leader: LeaderEpoch | undefined): Promise<LeaderEpoch> {
    const newest = firstFree(await this.current(), leader)
    for (let step = 0; step < CLAIMS_MAX; step++) {
      const epoch = leaderEpoch(newest + step)
      if ((await this.create(epoch)) === 'created') return epoch
    }
    const { epochs } = this.#folders.layout
    throw writeFailed('a leader epoch', epochs, new DiskError('exists', 'claim', `${epochs}/${epochName(newest)}`))
  }

  /** By exactly one process; the name is all that counts, so nothing is written into it. */
  async create(epoch: LeaderEpoch): Promise<'created' | 'exists'> {
    const { disk, layout } = this.#folders
    const path = `${layout.epochs}/${epochName(epoch)}`
    try {
      await this.#folders.prepare()
      const file = await disk.openWrite(path, 'create')
      await file.close()
      await disk.syncDirectory(layout.epochs)
      return 'created'
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'exists') return 'exists'
      throw writeFailed(`leader epoch ${epoch}`, path, error)
    }
  }

  async refuseIfOvertaken(epoch: LeaderEpoch): Promise<void> {
    const current = await this.current()
    if (current > epoch) throw overtaken(epoch, current)
  }

  /** Ascending. */
  async blocks(): Promise<readonly number[]> {
    return idsIn(await this.#folders.list(this.#folders.layout.blocks), blockOf)
  }

  /** F6, F7 */
  async createBlock(block: number, epoch: LeaderEpoch): Promise<'created' | 'exists'> {
    const { disk, layout } = this.#folders
    const bytes = new TextEncoder().encode(`${JSON.stringify({ epoch })}\n`)
    const file = { directory: layout.blocks, name: blockName(block), bytes }
    const outcome = await attempt(
      (error) => writeFailed(`the reservation of checkpoint ids (block ${block})`, layout.blocks, error),
      () => createWholeFile(disk, file, this.#folders.token()),
    )
    await this.refuseIfOvertaken(epoch)
    return outcome
  }

  /** 0 when it cannot be told, or the block is gone: then it is nobody's that lives. */
  async ownerOf(block: number): Promise<LeaderEpoch> {
    const { disk, layout } = this.#folders
    const path = `${layout.blocks}/${blockName(block)}`
    try {
      return leaderEpoch(
        Number(/^\{"epoch":(\d+)\}\n$/.exec(new TextDecoder().decode(await disk.read(path)))?.[1] ?? 0),
      )
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'not-found') return leaderEpoch(0)
      throw readFailed('a reservation of checkpoint ids', path, error)
    }
  }

  async removeBlocks(upTo: number): Promise<void> {
    const { layout } = this.#folders
    for (const block of await this.blocks()) {
      if (block <= upTo) await this.#folders.removeQuietly(`${layout.blocks}/${blockName(block)}`)
    }
  }

  async removeTemporaries(): Promise<void> {
    const { layout } = this.#folders
    for (const { name } of await this.#folders.list(layout.blocks)) {
      if (name.endsWith('.tmp')) await this.#folders.removeQuietly(`${layout.blocks}/${name}`)
    }
  }
}

/** The first epoch that may be free. Without a leader of a cluster each is one more than the one before. */
export function firstFree(current: LeaderEpoch, leader: LeaderEpoch | undefined): LeaderEpoch {
  if (leader === undefined) return leaderEpoch(current + 1)
  const base = leader * EPOCHS_PER_LEADER
  const own = leaderEpoch(Math.max(base, current) + 1)
  if (own > base + EPOCHS_PER_LEADER)
    throw overtaken(leader, leaderEpoch(Math.floor((current - 1) / EPOCHS_PER_LEADER)))
  return own
}

/** CKP1007 */
export function overtaken(epoch: LeaderEpoch, by: LeaderEpoch): EngineError {
  return new EngineError(
    'CKP1007',
    `leader epoch ${epoch} of the job is over: epoch ${by} was claimed by another process. This one reserves no checkpoint ids any more and stops without touching the storage. Nothing is to be done if the other process is meant to run the job; else let one process at a time use this storage.`,
  )
}
