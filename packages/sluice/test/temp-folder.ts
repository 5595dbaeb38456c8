/** Folders of the real disk for tests, and what a job left in them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new folder that is gone when the test is over. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Paths of all files below a folder, relative to it, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

export interface Output {
  /** Of all committed files of the folder itself, sorted. */
  readonly lines: readonly string[]
  /** Hidden files that nothing will commit any more. */
  readonly leftovers: readonly string[]
}

/** What a file sink has committed to a folder. */
export async function committedOutput(folder: string): Promise<Output> {
  const lines: string[] = []
  const leftovers: string[] = []
  for (const path of await filesBelow(folder)) {
    if (path.includes('.in-progress/') && basename(path) !== 'run') leftovers.push(path)
    if (path.includes('/')) continue
    for (const line of await linesOf(join(folder, path))) lines.push(line)
  }
  return { lines: lines.sort(), leftovers }
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').slice(0, -1)
}
