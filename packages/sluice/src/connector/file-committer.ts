/** Makes files visible: verify, rename, sync. Idempotent (X2); the table of cases is in docs/spec/file-sink.md. */
import { DiskError } from '../base/disk-error.ts'
import type { Env } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { FileCommittable, FileParts } from './file-parts.ts'
import type { CommitRequest, Committer } from './sink.ts'

export class FileCommitter implements Committer<FileCommittable> {
  readonly #parts: FileParts
  readonly #env: Env

  constructor(parts: FileParts, env: Env) {
    this.#parts = parts
    this.#env = env
  }

  /** A failing disk may work later: everything is tried again then, which does no harm to what is done (X2). */
  async commit(requests: readonly CommitRequest<FileCommittable>[]): Promise<void> {
    if (requests.length === 0) return
    try {
      await this.#commitAll(requests.map(({ committable }) => committable))
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      for (const request of requests) request.retryLater(error)
    }
  }

  async #commitAll(committables: readonly FileCommittable[]): Promise<void> {
    const { disk } = this.#env
    const folders = this.#parts.foldersOf(committables.map(({ to }) => to))
    for (const folder of folders) if (folder !== this.#parts.directory) await disk.makeDirectory(folder)
    for (const committable of committables) await this.#commitOne(committable)
    // Also when nothing was renamed: the rename of an earlier try may not be durable yet.
    for (const folder of folders) await disk.syncDirectory(folder)
    for (const { replaces } of committables) {
      if (replaces !== undefined) await disk.remove(this.#parts.path(replaces))
    }
    await disk.syncDirectory(this.#parts.path(this.#parts.hiddenFolder))
  }

  async #commitOne(committable: FileCommittable): Promise<void> {
    const { disk } = this.#env
    const from = this.#parts.path(committable.from)
    const to = this.#parts.path(committable.to)
    const [pending, committed] = [await disk.stat(from), await disk.stat(to)]
    if (pending === undefined) {
      if (committed?.sizeBytes === committable.sizeBytes) return
      throw lost(committable, from, committed === undefined ? 'it is gone' : `${to} has ${committed.sizeBytes} bytes`)
    }
    if (pending.sizeBytes !== committable.sizeBytes) throw lost(committable, from, `it has ${pending.sizeBytes} bytes`)
    if (committed !== undefined) return this.#settleBoth(from, to)
    await disk.rename(from, to)
  }

  /** After a power loss a rename between two directories may be durable in one of them only: then both names hold the same bytes. */
  async #settleBoth(from: string, to: string): Promise<void> {
    const { disk } = this.#env
    const [pending, committed] = [await disk.read(from), await disk.read(to)]
    if (Buffer.compare(pending, committed) !== 0) throw taken(from, to)
    await disk.remove(from)
  }
}

function lost({ sizeBytes, to }: FileCommittable, from: string, found: string): EngineError {
  return new EngineError(
    'SNK1003',
    `output file ${from} with ${sizeBytes} bytes cannot be committed as ${to}: ${found}. Its lines are lost if it does not come back, ` +
      'so the job stops. Put the file back and start again; or start fresh into another directory.',
    { context: { path: from } },
  )
}

function taken(from: string, to: string): EngineError {
  return new EngineError(
    'SNK1002',
    `output file ${from} cannot be committed: ${to} exists and was not made by this run. Nothing was overwritten and nothing is lost. ` +
      'Move that file away; do not let two jobs write to one directory under one uid.',
    { context: { path: to } },
  )
}
