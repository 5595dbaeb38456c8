import { lineOutput } from './line-output.ts'
import type { ThreadOutput } from './slot-thread-handle.ts'

const STDOUT = 1

/** The standard streams of this process, as they are. */
export function processOutput(): ThreadOutput {
  const stdout = lineOutput(STDOUT)
  return {
    printLine: (line) => stdout.writeLine(line),
    consoleText: (stream, text) => void process[stream].write(text),
  }
}
