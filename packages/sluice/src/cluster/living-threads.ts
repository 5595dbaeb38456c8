/** Which slot threads this process has. Node ends a process in its usual way only when all of them have ended. */
import type { Worker } from 'node:worker_threads'

/** One for the process, as the process is one. */
const living = new Set<Worker>()

export function noteLife(worker: Worker): void {
  living.add(worker)
  worker.once('exit', () => void living.delete(worker))
}

export function hasLivingThreads(): boolean {
  return living.size > 0
}
