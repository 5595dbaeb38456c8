/**
 * Local copies of one slot: kept in step with what the JobManager says about checkpoints, and the words for the log.
 *
 * Owns: nothing of its own; it listens. Does not own: the copies (checkpoint/stores/local-copy-storage.ts).
 */
import { unreachable } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import { messageOf } from '../base/errors.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import { LocalCopyStorage } from '../checkpoint/stores/local-copy-storage.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'

export interface SlotCopiesOptions {
  readonly env: Env
  readonly storage: SnapshotStorage
  /** Of the job, in this TaskManager. */
  readonly folder: string
  /** A line for the log of the TaskManager. */
  readonly note: (text: string) => void
}

export class SlotCopies {
  readonly storage: LocalCopyStorage
  readonly #options: SlotCopiesOptions
  #toldHits = 0
  #toldMisses = 0
  #failures = 0

  constructor(options: SlotCopiesOptions) {
    const { storage, env, folder } = options
    this.#options = options
    this.storage = new LocalCopyStorage({ storage, disk: env.disk, folder, onFailed: (error) => this.#fail(error) })
  }

  onMessage(message: ToSlot): void {
    switch (message.kind) {
      case 'deploy':
        for (const { restore } of message.deployment.tasks)
          if (restore !== undefined) void this.storage.completed(restore.checkpoint)
        return
      case 'complete':
        return void this.storage.completed(message.checkpoint)
      case 'aborted':
        return void this.storage.aborted(message.checkpoint)
      case 'start':
      case 'trigger':
      case 'assign-splits':
      case 'source-event':
      case 'align-source':
      case 'finish':
      case 'cancel':
        return
      default:
        return unreachable('a message to a slot', message)
    }
  }

  /** `deployed`: the tasks have read their state. */
  onSent({ kind }: FromSlot): void {
    const { hits, misses } = this.storage.counts
    const fromCopies = hits - this.#toldHits
    const files = fromCopies + misses - this.#toldMisses
    if (kind !== 'deployed' || files === 0) return
    this.#toldHits = hits
    this.#toldMisses = misses
    this.#options.note(`restored ${fromCopies} of ${files} files from local copies`)
  }

  /** The first tells all; a disk that stays full would fill the log. */
  #fail(error: unknown): void {
    if (this.#failures++ > 0) return
    this.#options.note(
      `could not keep a local copy of its checkpoint: ${messageOf(error)}. Checkpoints go on without; what has no copy is restored from the shared storage. ` +
        'Free space there, or set taskmanager.localDir to another disk',
    )
  }
}
