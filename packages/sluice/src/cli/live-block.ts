import { styleText } from 'node:util'
import type { LineOutput } from '../cluster/line-output.ts'

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** A few lines at the end of a terminal that are drawn over and over in place. */
export class LiveBlock {
  readonly #out: LineOutput
  readonly #size: () => TerminalSize
  #drawnLines = 0

  constructor(out: LineOutput, size: () => TerminalSize) {
    this.#out = out
    this.#size = size
  }

  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#size()
    const width = Math.max(1, columns - 1)
    const shown = fitted(lines, Math.max(1, rows - 1))
    const [head = '', ...others] = shown.map((line) => line.slice(0, width))
    const styled = [
      styleText('bold', head, { stream: process.stderr }),
      ...others.map((line) => styleText('dim', line, { stream: process.stderr })),
    ]
    this.#out.write(`${this.#erase()}${styled.join('\n')}\n`)
    this.#drawnLines = shown.length
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

/** A terminal cannot go back to lines that have left it at the top. */
function fitted(lines: readonly string[], countMax: number): readonly string[] {
  if (lines.length <= countMax) return lines
  return [...lines.slice(0, countMax - 1), `  … ${lines.length - countMax + 1} more`].slice(0, countMax)
}
