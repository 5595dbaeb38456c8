/** Files that appear under their name whole or not at all. `token` keeps two writers of one name apart. */
import { DiskError } from './disk-error.ts'
import type { Disk, Random } from './env.ts'

export interface WholeFile {
  readonly directory: string
  readonly name: string
  readonly bytes: Uint8Array
}

/** Durable in both cases when it resolves: what exists survives a power loss, whoever made it. */
export async function createWholeFile(
  disk: Disk,
  { directory, name, bytes }: WholeFile,
  token: string,
): Promise<'created' | 'exists'> {
  const temporary = temporaryPath(directory, name, token)
  try {
    await writeNew(disk, temporary, bytes, 'synced')
    const outcome = await linkNew(disk, temporary, `${directory}/${name}`)
    await disk.syncDirectory(directory)
    return outcome
  } finally {
    await removeQuietly(disk, temporary)
  }
}

/** The same content under many names, each created unless it exists. Durable when it resolves, whoever made what exists. */
export async function createWholeFiles(
  disk: Disk,
  { directory, bytes }: Omit<WholeFile, 'name'>,
  { names, token }: { readonly names: readonly string[]; readonly token: string },
): Promise<void> {
  const temporary = temporaryPath(directory, 'many', token)
  try {
    await writeNew(disk, temporary, bytes, 'synced')
    for (const name of names) await linkNew(disk, temporary, `${directory}/${name}`)
    await disk.syncDirectory(directory)
  } finally {
    await removeQuietly(disk, temporary)
  }
}

/** `visible`: others see it, a power loss may bring the content before back. */
export async function replaceWholeFile(
  disk: Disk,
  { directory, name, bytes }: WholeFile,
  { token, durability }: { readonly token: string; readonly durability: 'durable' | 'visible' },
): Promise<void> {
  const temporary = temporaryPath(directory, name, token)
  try {
    await writeNew(disk, temporary, bytes, durability === 'durable' ? 'synced' : 'unsynced')
    await disk.rename(temporary, `${directory}/${name}`)
  } catch (error) {
    await removeQuietly(disk, temporary)
    throw error
  }
  if (durability === 'durable') await disk.syncDirectory(directory)
}

/** What a process that died while writing left behind. */
export function isTemporaryName(name: string): boolean {
  return /^\..*\.tmp$/.test(name)
}

export function randomToken(random: Random): string {
  return `${random.u32().toString(16)}-${random.u32().toString(16)}`
}

function temporaryPath(directory: string, name: string, token: string): string {
  return `${directory}/.${name}.${token}.tmp`
}

async function writeNew(disk: Disk, path: string, bytes: Uint8Array, durability: 'synced' | 'unsynced'): Promise<void> {
  const file = await disk.openWrite(path, 'create')
  try {
    await file.write(bytes)
    if (durability === 'synced') await file.sync()
  } finally {
    await file.close()
  }
}

/** The moment of decision between two writers. */
async function linkNew(disk: Disk, temporary: string, path: string): Promise<'created' | 'exists'> {
  try {
    await disk.link(temporary, path)
    return 'created'
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'exists') return 'exists'
    throw error
  }
}

async function removeQuietly(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch {
    // nothing depends on it: whoever owns the directory removes temporary files when it starts
  }
}
