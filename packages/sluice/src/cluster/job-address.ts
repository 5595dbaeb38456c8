import { statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { EngineError } from '../base/errors.ts'

/** A path or address as an address. @throws JOB1001 when it is no file */
export function jobModuleUrl(job: string | URL): string {
  const url = typeof job === 'string' && !job.startsWith('file:') ? pathToFileURL(resolve(job)) : new URL(job)
  const path = fileURLToPath(url)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isDirectory()) return url.href
  const what = found === undefined ? `there is no file ${shownPath(path)}` : `${shownPath(path)} is a directory`
  throw new EngineError(
    'JOB1001',
    `${what}. Nothing was started. Give the path of a job module, e.g. sluice run job.ts`,
    { context: { path } },
  )
}

/** Relative to the working directory where that is shorter. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : near
}
