/**
 * The names that decide which checkpoints exist.
 *
 * Owns: manifests, seals and the floor. Does not own: who may publish what (directory-store.ts), data files.
 *
 * F1 A manifest appears under its name whole or not at all: temporary file, sync, link, sync of the directory, removal of the temporary.
 * F2 One conditional create per id decides: a manifest, or a seal, which is a file of a known content under the name of the manifest. (An
 *    empty one would look like a manifest that was damaged, which must not pass in silence.)
 * F4 What `published` lists survives a power loss: the directory is synced before it is read.
 * F5 A seal is never removed above the floor, and what is at or below the floor is not published, whatever is there. The floor is durable
 *    before the first name below it goes; who publishes looks at it behind the link.
 */
import { DiskError } from '../../base/disk-error.ts'
import type { EngineError } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import { createWholeFile, createWholeFiles, isTemporaryName } from '../../base/whole-file.ts'
import { checkpointOfManifest, floorName, floorOf, manifestName } from './directory-layout.ts'
import { manifestMissing, readFailed, writeFailed } from './storage-errors.ts'
import { type StoreFolders, attempt, idsIn } from './store-folders.ts'

const SEAL = new TextEncoder().encode('sealed\n')

/** The content of a file that keeps an id from ever being published. */
export function isSeal(bytes: Uint8Array): boolean {
  return bytes.length === SEAL.length && bytes.every((byte, at) => byte === SEAL[at])
}

interface ManifestNames {
  /** Of manifests and seals above the floor. */
  readonly ids: readonly CheckpointId[]
  readonly floor: number
  /** What is at or below the floor. */
  readonly forgotten: readonly string[]
  /** Being written, or left behind by a process that died. */
  readonly temporary: readonly string[]
}

export class ManifestDirectory {
  readonly #folders: StoreFolders

  constructor(folders: StoreFolders) {
    this.#folders = folders
  }

  async publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    const { disk, layout } = this.#folders
    const file = { directory: layout.manifests, name: manifestName(checkpoint), bytes: manifest }
    return attempt(
      (error) => writeFailed(`the manifest of checkpoint ${checkpoint}`, layout.manifest(checkpoint), error),
      async () => {
        await this.#folders.prepare()
        // From here on, when it was created, the checkpoint is restorable as soon as the directory is synced.
        if ((await createWholeFile(disk, file, this.#folders.token())) === 'exists') return 'exists'
        if (checkpoint > (await this.names()).floor) return 'published'
        await this.#folders.removeQuietly(layout.manifest(checkpoint)) // F5
        return 'exists'
      },
    )
  }

  async published(): Promise<readonly CheckpointId[]> {
    const { disk, layout } = this.#folders
    return attempt(
      (error) => readFailed('the list of checkpoints', layout.manifests, error),
      async () => {
        await this.#folders.prepare()
        await disk.syncDirectory(layout.manifests) // F4
        const { ids } = await this.names()
        const published: CheckpointId[] = []
        for (const id of ids) if ((await this.#contentOf(layout.manifest(id))) === 'manifest') published.push(id)
        return published
      },
    )
  }

  async names(): Promise<ManifestNames> {
    const entries = await this.#folders.list(this.#folders.layout.manifests)
    const floor = Math.max(0, ...idsIn(entries, floorOf))
    const ids = idsIn(entries, checkpointOfManifest).filter((id) => id > floor)
    const names = entries.map(({ name }) => name)
    const forgotten = names.filter((name) => isForgotten(name, floor))
    return { ids, floor, forgotten, temporary: names.filter(isTemporaryName) }
  }

  async read(checkpoint: CheckpointId): Promise<Uint8Array> {
    const { disk, layout } = this.#folders
    const path = layout.manifest(checkpoint)
    const bytes = await attempt(
      (error) => readManifestFailed(checkpoint, path, error),
      () => disk.read(path),
    )
    if (isSeal(bytes)) throw manifestMissing(checkpoint, path)
    return bytes
  }

  /** Durable when it resolves. A seal stays. */
  async remove(checkpoint: CheckpointId): Promise<void> {
    const { disk, layout } = this.#folders
    const path = layout.manifest(checkpoint)
    if ((await this.#contentOf(path)) !== 'manifest') return // F5
    if (await disk.remove(path)) await disk.syncDirectory(layout.manifests)
  }

  /** F2. Resolves when none of them can be published any more that is not published already. */
  async seal(ids: readonly CheckpointId[]): Promise<void> {
    const { layout } = this.#folders
    const { ids: decided, floor } = await this.names()
    const names = ids.filter((id) => id > floor && !decided.includes(id)).map(manifestName)
    const file = { directory: layout.manifests, bytes: SEAL }
    await attempt(
      (error) => writeFailed('the seals of checkpoints that an older leader began', layout.manifests, error),
      () => createWholeFiles(this.#folders.disk, file, { names, token: this.#folders.token() }),
    )
  }

  /** F5 */
  async raiseFloor(floor: number): Promise<void> {
    const { disk, layout } = this.#folders
    await attempt(
      (error) => writeFailed('the floor of the checkpoint ids', layout.manifests, error),
      async () => {
        await this.#createFloor(`${layout.manifests}/${floorName(floor)}`)
        await disk.syncDirectory(layout.manifests)
      },
    )
  }

  /** Those above may be of a leader that works. */
  async removeLeftOver(below: CheckpointId): Promise<void> {
    const { disk, layout } = this.#folders
    const { forgotten, temporary } = await this.names()
    const abandoned = temporary.filter((name) => idOfTemporary(name) < below)
    for (const name of [...forgotten, ...abandoned]) {
      const path = `${layout.manifests}/${name}`
      await attempt(
        (error) => writeFailed('the removal of a left-over', path, error),
        () => disk.remove(path),
      )
    }
  }

  async #contentOf(path: string): Promise<'nothing' | 'seal' | 'manifest'> {
    const { disk } = this.#folders
    const size = (await disk.stat(path))?.sizeBytes
    if (size === undefined) return 'nothing'
    return size === SEAL.length && isSeal(await disk.read(path)) ? 'seal' : 'manifest'
  }

  /** Its name is all that counts. */
  async #createFloor(path: string): Promise<void> {
    try {
      await (await this.#folders.disk.openWrite(path, 'create')).close()
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'exists') return
      throw error
    }
  }
}

/** 0 for the one of seals, which are made again when it is missed. */
function idOfTemporary(name: string): number {
  return Number(/^\.(\d+)\./.exec(name)?.[1] ?? 0)
}

function isForgotten(name: string, floor: number): boolean {
  const id = checkpointOfManifest(name)
  return id === undefined ? (floorOf(name) ?? floor) < floor : id <= floor
}

function readManifestFailed(checkpoint: CheckpointId, path: string, error: unknown): EngineError {
  if (error instanceof DiskError && error.kind === 'not-found') return manifestMissing(checkpoint, path)
  return readFailed(`the manifest of checkpoint ${checkpoint}`, path, error)
}
