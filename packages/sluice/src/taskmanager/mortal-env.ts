/**
 * An `Env` that can die: what a slot runs on when it shares its thread with others.
 *
 * Owns: whether the slot still lives. Does not own: the world below, which goes on.
 *
 * M1 After `die` no callback of the slot runs any more and no operation of the slot starts: its promises stay pending for ever, like
 *    those of a thread that was ended. An operation that had started may still take effect.
 *    Its timers are cancelled, its files closed and its connections and listeners ended, as the system does it for a process.
 * M2 A callback that throws is the end of the slot, not of the thread: it is handed to `onUncaught`.
 */
import type { Disk, DiskFile, Env, Timer } from '../base/env.ts'
import { type MortalEnds, mortalNetwork } from './mortal-network.ts'
import { mortalSockets } from './mortal-sockets.ts'

export interface MortalEnv extends Env {
  /** Idempotent. */
  die(): void
  readonly isDead: () => boolean
}

export function mortalEnv(world: Env, onUncaught: (thrown: unknown) => void): MortalEnv {
  let isDead = false
  const guarded = (run: () => void) => (): void => {
    if (isDead) return
    try {
      run()
    } catch (thrown) {
      onUncaught(thrown) // becomes the loss of the slot
    }
  }
  const files = new Set<DiskFile>()
  const ends: MortalEnds = new Set()
  const life: Life = { isDead: () => isDead, files }
  const timers = new Set<Timer>()
  const after = (delayMs: number, fire: () => void): Timer => {
    const run = guarded(fire)
    const timer = world.timers.after(delayMs, () => {
      timers.delete(timer)
      run()
    })
    timers.add(timer)
    return { cancel: () => void (timers.delete(timer) && timer.cancel()) }
  }
  return {
    clock: world.clock,
    random: world.random,
    timers: { after },
    turns: { next: (run) => world.turns.next(guarded(run)) },
    stdout: { writeLine: (line) => void (isDead || world.stdout.writeLine(line)) },
    disk: mortalDisk(world.disk, life),
    network: mortalNetwork({ network: world.network, isDead: () => isDead, onUncaught, ends }),
    ...(world.sockets === undefined
      ? {}
      : { sockets: mortalSockets({ sockets: world.sockets, isDead: () => isDead, onUncaught, ends }) }),
    die: () => {
      isDead = true
      for (const timer of timers) timer.cancel()
      for (const file of files) closeQuietly(file)
      for (const end of ends) end()
      timers.clear()
      files.clear()
      ends.clear()
    },
    isDead: () => isDead,
  }
}

interface Life {
  isDead(): boolean
  /** Open for writing. */
  readonly files: Set<DiskFile>
}

function mortalDisk(disk: Disk, life: Life): Disk {
  return {
    read: (path) => whileAlive(life, () => disk.read(path)),
    readRange: (path, offset, lengthBytes) => whileAlive(life, () => disk.readRange(path, offset, lengthBytes)),
    openWrite: (path, mode) => whileAlive(life, async () => mortalFile(await disk.openWrite(path, mode), life)),
    rename: (from, to) => whileAlive(life, () => disk.rename(from, to)),
    link: (existing, name) => whileAlive(life, () => disk.link(existing, name)),
    remove: (path) => whileAlive(life, () => disk.remove(path)),
    removeTree: (path) => whileAlive(life, () => disk.removeTree(path)),
    makeDirectory: (path) => whileAlive(life, () => disk.makeDirectory(path)),
    list: (path) => whileAlive(life, () => disk.list(path)),
    stat: (path) => whileAlive(life, () => disk.stat(path)),
    truncate: (path, sizeBytes) => whileAlive(life, () => disk.truncate(path, sizeBytes)),
    syncDirectory: (path) => whileAlive(life, () => disk.syncDirectory(path)),
  }
}

function mortalFile(file: DiskFile, life: Life): DiskFile {
  if (life.isDead()) closeQuietly(file)
  else life.files.add(file)
  return {
    path: file.path,
    write: (bytes) => whileAlive(life, () => file.write(bytes)),
    sync: () => whileAlive(life, () => file.sync()),
    close: () => {
      life.files.delete(file)
      return whileAlive(life, () => file.close())
    },
  }
}

function closeQuietly(file: DiskFile): void {
  file.close().catch(nobodyIsLeft)
}

/** The slot that depended on the file is dead. */
function nobodyIsLeft(): void {}

/** M1: the result of an operation, unless the slot is dead before it starts or before it ends. */
function whileAlive<T>(life: Life, operation: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (life.isDead()) return
    operation().then(
      (value) => void (life.isDead() || resolve(value)),
      (error: unknown) => void (life.isDead() || reject(error)),
    )
  })
}
