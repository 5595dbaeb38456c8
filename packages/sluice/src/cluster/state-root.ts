/** Where the state of a run is kept. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError, messageOf } from '../base/errors.ts'
import { jobFolderName } from '../checkpoint/job-folder.ts'
import type { OptionLayer } from '../config/option-layers.ts'

export interface StatePlaces {
  readonly jobName: string
  /** As given by the user: `--state-dir`. */
  readonly stateDir: string | undefined
  /** Stronger than the job: command line and environment. */
  readonly layers: readonly OptionLayer[]
  /** What the options say in the end. */
  readonly storageUri: string
}

/**
 * An explicit `checkpoint.storage.uri` of the command line or the environment wins, then the state directory, then what the job sets,
 * then `./.sluice`. A storage address is shared by jobs: each has its own folder in it. A state directory belongs to one job.
 */
export function stateRootOf({ jobName, stateDir, layers, storageUri }: StatePlaces): string {
  const isUriExplicit = layers.some(({ values }) => Object.hasOwn(values, STORAGE_KEY))
  const usesUri = storageUri !== '' && (isUriExplicit || stateDir === undefined)
  if (usesUri) return resolve(pathOfUri(storageUri), jobFolderName(jobName))
  return resolve(stateDir ?? `.sluice/${jobFolderName(jobName)}`)
}

const STORAGE_KEY = 'checkpoint.storage.uri'

function pathOfUri(uri: string): string {
  try {
    if (uri.startsWith('file:')) return fileURLToPath(uri)
  } catch (thrown) {
    throw notAFolder(uri, messageOf(thrown))
  }
  throw notAFolder(uri, 'only file:/// addresses are known')
}

function notAFolder(uri: string, why: string): EngineError {
  return new EngineError(
    'CFG1002',
    `option "${STORAGE_KEY}" is ${JSON.stringify(uri)}: ${why}. Nothing was started. Write it like file:///var/lib/sluice.`,
  )
}
