/** The disk as long as what is done on it is wanted: afterwards no operation starts any more. One that has begun may still take effect. */
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'

export function diskWhileWanted(disk: Disk, isWanted: () => boolean): Disk {
  const wanted = <T>(operation: () => Promise<T>): Promise<T> => (isWanted() ? operation() : Promise.reject(tooLate()))
  return {
    read: (path) => wanted(() => disk.read(path)),
    readRange: (path, offset, lengthBytes) => wanted(() => disk.readRange(path, offset, lengthBytes)),
    openWrite: (path, mode) => wanted(() => disk.openWrite(path, mode)),
    rename: (from, to) => wanted(() => disk.rename(from, to)),
    link: (existing, name) => wanted(() => disk.link(existing, name)),
    remove: (path) => wanted(() => disk.remove(path)),
    removeTree: (path) => wanted(() => disk.removeTree(path)),
    makeDirectory: (path) => wanted(() => disk.makeDirectory(path)),
    list: (path) => wanted(() => disk.list(path)),
    stat: (path) => wanted(() => disk.stat(path)),
    truncate: (path, sizeBytes) => wanted(() => disk.truncate(path, sizeBytes)),
    syncDirectory: (path) => wanted(() => disk.syncDirectory(path)),
  }
}

function tooLate(): EngineError {
  return new EngineError(
    'SNK1001',
    'a sink was not prepared to its end: its job restarts anew, has ended or goes on under another leader. What was begun is done again there. Nothing needs to be done.',
  )
}
