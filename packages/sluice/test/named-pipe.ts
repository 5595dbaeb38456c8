/** A named pipe on which a thread can be made to block where nothing but its other end wakes it. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { onTestFinished } from 'vitest'

export interface NamedPipe {
  readonly path: string
  /** Resolves when somebody has begun to read; that reader blocks until `release`. */
  untilRead(): Promise<void>
  /** Lets whoever reads it go on. Happens at the end of the test, too. */
  release(): Promise<void>
}

export function namedPipe(path: string): NamedPipe {
  execFileSync('mkfifo', [path])
  const ends: FileHandle[] = []
  const release = async (): Promise<void> => {
    await Promise.all(ends.splice(0).map((end) => end.close()))
    wakeReader(path)
  }
  onTestFinished(release)
  return { path, untilRead: async () => void ends.push(await open(path, 'w')), release }
}

function wakeReader(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch {
    // ENXIO: nobody reads it
  }
}
