import { existsSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { EngineError } from '../base/errors.ts'

/** A path or address as an address. @throws JOB1001 when there is no such file */
export function jobModuleUrl(job: string | URL): string {
  const url = typeof job === 'string' && !job.startsWith('file:') ? pathToFileURL(resolve(job)) : new URL(job)
  const path = fileURLToPath(url)
  if (existsSync(path)) return url.href
  throw new EngineError(
    'JOB1001',
    `there is no file ${shownPath(path)}. Nothing was started. Give the path of a job module, e.g. sluice run job.ts`,
    { context: { path } },
  )
}

/** Relative to the working directory where that is shorter. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : near
}
