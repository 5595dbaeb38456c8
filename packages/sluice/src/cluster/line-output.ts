/** Whole lines to a file descriptor, at once and in order: what was written is out even if the process ends in the next moment. */
import { writeSync } from 'node:fs'
import type { LineSink } from '../base/env.ts'
import { errnoOf } from './disk-failures.ts'

/** Between two attempts to write to a pipe that is full. */
const FULL_PIPE_WAIT_MS = 1

export interface LineOutput extends LineSink {
  /** Text as it is, e.g. control sequences of a terminal. */
  write(text: string): void
  /** True when the reader has gone: everything written since is dropped. */
  readonly isBroken: () => boolean
}

/** @param onBroken called once, when the reader has gone */
export function lineOutput(descriptor: number, onBroken: () => void = () => {}): LineOutput {
  let isBroken = false
  const write = (text: string): void => {
    if (isBroken) return
    try {
      writeFully(descriptor, Buffer.from(text))
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EPIPE') throw thrown
      isBroken = true
      onBroken()
    }
  }
  return { write, writeLine: (line) => write(`${line}\n`), isBroken: () => isBroken }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written)
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EAGAIN') throw thrown
      waitSync(FULL_PIPE_WAIT_MS)
    }
  }
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

function waitSync(ms: number): void {
  Atomics.wait(NEVER_WOKEN, 0, 0, ms)
}
