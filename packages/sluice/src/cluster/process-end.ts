/**
 * Ends this process, with threads that cannot be ended too.
 *
 * `process.exit` waits for every thread; one that Node cannot interrupt (docs/spec/slot-threads.md, "A thread that does not end") would
 * keep the process for ever. Becoming another program ends all threads at once and keeps the exit code, which a signal would not.
 */
import { hasLivingThreads } from './living-threads.ts'

export function exitProcess(exitCode: number): never {
  process.once('exit', (code) => {
    if (hasLivingThreads()) endHard(code)
  })
  return process.exit(exitCode)
}

function endHard(exitCode: number): void {
  try {
    process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${exitCode})`], {})
  } catch {
    // not on this system, or not permitted: the signal below needs neither
  }
  process.kill(process.pid, 'SIGKILL')
}
