import { DiskError } from './disk-error.ts'
import type { Disk } from './env.ts'

/**
 * Makes the name of a directory, and those of all directories above it, survive a power loss. Also for directories that are there already: whoever
 * made them may have died before they were durable.
 */
export async function syncDirectoryPath(disk: Disk, path: string): Promise<void> {
  for (const ancestor of ancestorsOf(path)) {
    try {
      await disk.syncDirectory(ancestor)
    } catch (error) {
      // Not every ancestor may be opened; such a one is the operator's and older than we are.
      if (!(error instanceof DiskError) || error.kind !== 'denied') throw error
    }
  }
}

/** From the parent upwards. */
function ancestorsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  const root = path.startsWith('/') ? '/' : '.'
  return names
    .map((_, index) => names.slice(0, index).join('/'))
    .map((below) => (root === '/' ? `/${below}` : below || root))
    .toReversed()
}
