import type { Disk, DiskFile } from '../base/env.ts'

/** A process that stops: from the given operation on that changes the disk, nothing is done and nothing answers. */
export class StoppingDisk implements Disk {
  readonly inner: Disk
  readonly stopped: Promise<void>
  operations = 0
  readonly #stopAt: number
  #stop: () => void = () => {}

  constructor(inner: Disk, stopAt = Infinity) {
    this.inner = inner
    this.#stopAt = stopAt
    this.stopped = new Promise((resolve) => (this.#stop = resolve))
  }

  read = (path: string): Promise<Uint8Array> => this.#reading(() => this.inner.read(path))
  readRange = (path: string, offset: number, length: number): Promise<Uint8Array> =>
    this.#reading(() => this.inner.readRange(path, offset, length))
  list = (path: string): ReturnType<Disk['list']> => this.#reading(() => this.inner.list(path))
  stat = (path: string): ReturnType<Disk['stat']> => this.#reading(() => this.inner.stat(path))
  rename = (from: string, to: string): Promise<void> => this.#changing(() => this.inner.rename(from, to))
  link = (existing: string, name: string): Promise<void> => this.#changing(() => this.inner.link(existing, name))
  remove = (path: string): Promise<boolean> => this.#changing(() => this.inner.remove(path))
  removeTree = (path: string): Promise<void> => this.#changing(() => this.inner.removeTree(path))
  makeDirectory = (path: string): Promise<void> => this.#changing(() => this.inner.makeDirectory(path))
  truncate = (path: string, size: number): Promise<void> => this.#changing(() => this.inner.truncate(path, size))
  syncDirectory = (path: string): Promise<void> => this.#changing(() => this.inner.syncDirectory(path))

  async openWrite(path: string, mode: 'create' | 'truncate' | 'append'): Promise<DiskFile> {
    const file = await this.#changing(() => this.inner.openWrite(path, mode))
    return {
      path,
      write: (bytes) => this.#changing(() => file.write(bytes)),
      sync: () => this.#changing(() => file.sync()),
      close: () => this.#changing(() => file.close()),
    }
  }

  #reading<T>(run: () => Promise<T>): Promise<T> {
    return this.#isStopped() ? new Promise<T>(() => {}) : run()
  }

  #changing<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isStopped()) return new Promise<T>(() => {})
    this.operations++
    return run()
  }

  #isStopped(): boolean {
    if (this.operations < this.#stopAt) return false
    this.#stop()
    return true
  }
}
