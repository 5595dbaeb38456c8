/** A file by which a TaskManager sees that it shares the storage of its leader. */
import type { Env } from '../base/env.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import type { StorageMarker } from '../control/cluster-messages.ts'

/** Written anew for each leader epoch. Rejects with a DiskError. */
export async function markStorage(
  { disk, random }: Env,
  storageRoot: string,
  epoch: LeaderEpoch,
): Promise<StorageMarker> {
  const directory = `${storageRoot}/markers`
  const path = `${directory}/${epoch}`
  const content = `${epoch}-${random.u32().toString(16)}-${random.u32().toString(16)}`
  await disk.makeDirectory(directory)
  const file = await disk.openWrite(path, 'truncate')
  try {
    await file.write(new TextEncoder().encode(content))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(directory)
  return { path, content }
}
