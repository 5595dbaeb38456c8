import { styleText } from 'node:util'
import type { LineOutput } from '../cluster/line-output.ts'

/** A few lines at the end of a terminal that are drawn over and over in place. */
export class LiveBlock {
  readonly #out: LineOutput
  readonly #columns: () => number
  #drawnLines = 0

  constructor(out: LineOutput, columns: () => number) {
    this.#out = out
    this.#columns = columns
  }

  draw(lines: readonly string[]): void {
    const width = Math.max(1, this.#columns() - 1)
    const [head = '', ...others] = lines.map((line) => line.slice(0, width))
    const styled = [
      styleText('bold', head, { stream: process.stderr }),
      ...others.map((line) => styleText('dim', line, { stream: process.stderr })),
    ]
    this.#out.write(`${this.#erase()}${styled.join('\n')}\n`)
    this.#drawnLines = lines.length
  }

  /** Takes the lines away, so that something else can be written. */
  clear(): void {
    if (this.#drawnLines === 0) return
    this.#out.write(this.#erase())
    this.#drawnLines = 0
  }

  /** Up to the first line of the block, and everything below goes. */
  #erase(): string {
    return this.#drawnLines === 0 ? '' : `\u001B[${this.#drawnLines}A\u001B[0J`
  }
}
