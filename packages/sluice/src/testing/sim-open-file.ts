import { DiskError } from '../base/disk-error.ts'
import type { DiskFile } from '../base/env.ts'

/** What an open file needs of its disk. */
interface FileActions {
  write(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  close(effect: () => void): Promise<void>
}

/** K2: one operation at a time. */
export class OpenSimFile implements DiskFile {
  readonly path: string
  readonly #actions: FileActions
  #queue: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closed' = 'open'

  constructor(path: string, actions: FileActions) {
    this.path = path
    this.#actions = actions
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#enqueue('write', () => this.#actions.write(bytes))
  }

  sync(): Promise<void> {
    return this.#enqueue('sync', () => this.#actions.sync())
  }

  close(): Promise<void> {
    const done = this.#queue.then(() =>
      this.#state === 'open' ? this.#actions.close(() => this.#closed()) : undefined,
    )
    this.#queue = done.catch(toldElsewhere)
    return done
  }

  #closed(): void {
    this.#state = 'closed'
  }

  #enqueue(what: string, perform: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(() => {
      if (this.#state === 'closed') throw new DiskError('io', `${what} of a closed file`, this.path)
      return perform()
    })
    this.#queue = done.catch(toldElsewhere)
    return done
  }
}

/** The caller of the failed operation has its error; the next one goes on. */
function toldElsewhere(): void {}
