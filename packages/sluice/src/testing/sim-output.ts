/** What a job has committed, and how two outputs differ. */
import { isHidden } from './sim-checks.ts'
import type { SimDisk } from './sim-disk.ts'

/** Lines by directory, sorted; directories by path, with a leading slash. */
export type SimOutput = ReadonlyMap<string, readonly string[]>

/** Everything visible that is neither input nor state. */
export function visibleFiles(disk: SimDisk, isInput: (path: string) => boolean): ReadonlyMap<string, string> {
  const decoder = new TextDecoder()
  const files = [...disk.files()].filter(([path]) => !isHidden(path) && !isInput(path))
  return new Map(
    files.map(([path, file]) => [path, decoder.decode(file.content)] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

export function outputOf(files: ReadonlyMap<string, string>): SimOutput {
  const lines = new Map<string, string[]>()
  for (const [path, text] of files) {
    const directory = path.slice(0, path.lastIndexOf('/'))
    const own = lines.get(directory) ?? []
    // a file that does not end with a line end ends with a torn line, which must be seen
    own.push(...(text.endsWith('\n') ? text.slice(0, -1) : `${text}<torn>`).split('\n'))
    lines.set(directory, own)
  }
  for (const own of lines.values()) own.sort()
  return lines
}

/** The first difference as multisets of lines per directory, in words; undefined when there is none. */
export function differenceOf(expected: SimOutput, actual: SimOutput): string | undefined {
  for (const directory of [...new Set([...expected.keys(), ...actual.keys()])].sort()) {
    const difference = differenceOfLines(expected.get(directory) ?? [], actual.get(directory) ?? [])
    if (difference !== undefined) return `${directory} ${difference}`
  }
  return undefined
}

function differenceOfLines(expected: readonly string[], actual: readonly string[]): string | undefined {
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const [wanted, found] = [expected[index], actual[index]]
    if (wanted === found) continue
    const counts = `(${actual.length} lines, ${expected.length} expected)`
    const isTooMuch = wanted === undefined || (found !== undefined && found < wanted)
    if (!isTooMuch) return `lacks ${wanted} ${counts}`
    const isTwice = index > 0 && actual[index - 1] === found
    return `has ${found} ${isTwice ? 'once too often' : 'which is not expected'} ${counts}`
  }
  return undefined
}
