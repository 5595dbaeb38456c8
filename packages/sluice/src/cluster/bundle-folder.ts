/** Bundles that a JobManager loads, as files: a module needs an address. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JobDefinition } from '../api/define-job.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import { isOptionKey, optionRow } from '../config/options.ts'
import { explainOptions, resolveOptions } from '../config/resolve-options.ts'
import type { PoolSettings } from '../jobmanager/cluster-slot-pool.ts'
import { loadJobModule, planDefinition, type PlannedJob } from './job-module.ts'
import type { ProcessFolder } from './process-folder.ts'

export interface LoadedBundle extends PlannedJob {
  /** How the job waits for slots: what it sets, else what the JobManager was started with. */
  readonly slots: PoolSettings
  /** In the words of the option table: every option of a job, as it was resolved. */
  readonly optionTexts: Readonly<Record<string, string>>
  /** Those given, and paths that the job declares as absolute ones. */
  readonly params: Readonly<Record<string, string>>
}

export class BundleFolder {
  readonly #folder: ProcessFolder
  readonly #processLayers: readonly OptionLayer[]

  /** @param processLayers what the JobManager was started with */
  constructor(folder: ProcessFolder, processLayers: readonly OptionLayer[]) {
    this.#folder = folder
    this.#processLayers = processLayers
  }

  /** Plans the job of a bundle. @throws JOB1001, JOB1002, and whatever the job's parameters and graph lead to */
  async load(
    { artifact, params: given, layers }: JobSpec,
    bundle: Uint8Array,
    workingDirectory?: string,
  ): Promise<LoadedBundle> {
    const { path: root } = this.#folder
    mkdirSync(root, { recursive: true })
    const path = join(root, `${artifact}.mjs`)
    writeFileSync(`${path}.tmp`, bundle)
    renameSync(`${path}.tmp`, path)
    const definition = await loadJobModule(pathToFileURL(path).href)
    const params = workingDirectory === undefined ? given : absolutePaths(definition, given, workingDirectory)
    const planned = planDefinition(definition, params, layers)
    const { scheduler, slot } = resolveOptions([...layers, planned.ownLayer, ...this.#processLayers])
    return {
      ...planned,
      params,
      options: { ...planned.options, scheduler },
      slots: { ...scheduler, startTimeoutMs: slot.startTimeoutMs },
      optionTexts: optionTextsOf(planned, layers),
    }
  }

  /** Modules that are loaded stay so. */
  remove(): void {
    this.#folder.remove()
  }
}

/** The processes of a cluster run in other directories than the one in which the job was submitted. */
function absolutePaths(
  { params: declared }: JobDefinition,
  given: JobSpec['params'],
  workingDirectory: string,
): Readonly<Record<string, string>> {
  const paths = Object.entries(declared ?? {}).flatMap(([name, { kind, defaultText }]) => {
    const text = given[name] ?? defaultText
    return kind !== 'path' || text === undefined || text === '' ? [] : [[name, resolve(workingDirectory, text)]]
  })
  return { ...given, ...Object.fromEntries(paths) }
}

function optionTextsOf({ ownLayer }: PlannedJob, layers: JobSpec['layers']): Readonly<Record<string, string>> {
  const settings = explainOptions([...layers, ownLayer])
  const ofJobs = settings.filter(({ key }) => isOptionKey(key) && ['job', 'state'].includes(optionRow(key).scope))
  return Object.fromEntries(ofJobs.map(({ key, text }) => [key, text]))
}
