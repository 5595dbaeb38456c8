/**
 * `sluice run --jobmanager URL`: hands a job to a cluster and shows it until it ends.
 *
 * The job belongs to the cluster. SIGINT or SIGTERM end only this command, and say how to stop the job; with --stop-on-exit the first one
 * stops the job with a last checkpoint, and the second one leaves it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asEngineError, EngineError, errorToData, messageOf } from '../base/errors.ts'
import { followJob, submitJob } from '../cluster/remote-run.ts'
import { environmentLayer, type OptionLayer } from '../config/option-layers.ts'
import { isOptionKey, optionRow } from '../config/options.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { JobResult } from '../jobmanager/job-status.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import type { SubmitArguments } from './arguments.ts'
import { EXIT, isRefusal } from './exit-codes.ts'
import type { RemoteClient } from './remote-client.ts'
import { firstThatAnswers, remoteClients } from './remote-connection.ts'
import type { RunView } from './run-view.ts'
import { SignalEar } from './signal-ear.ts'

/** Slots report to the JobManager about as often. */
const LOOK_INTERVAL_MS = 500

export async function submitCommand(asked: SubmitArguments, view: RunView, stdout: LineOutput): Promise<number> {
  try {
    const clients = remoteClients(asked, process.env)
    const client = await firstThatAnswers(clients)
    const job = await submit(asked, client, view)
    if (asked.attachment === 'detach') {
      stdout.writeLine(asked.form === 'json' ? JSON.stringify({ type: 'submitted', job }) : job)
      return EXIT.done
    }
    view.note(`job ${job} was submitted to ${client.url}`)
    return await follow(asked, view, { clients, client, job })
  } catch (thrown) {
    view.onRefused(errorToData(asEngineError(thrown, 'INT1001', 'the job could not be submitted')))
    return EXIT.refused
  }
}

function submit({ job, params, layer, start }: SubmitArguments, client: RemoteClient, view: RunView): Promise<string> {
  const layers = [layer, environmentLayer(process.env)]
  const { cluster } = resolveOptions(layers)
  return submitJob(client, {
    job,
    params,
    options: jobOptions(layers),
    start,
    bytesMax: cluster.artifactBytesMax,
    warn: (text) => view.warn(text),
  })
}

/** What the cluster's own processes decide cannot be sent along with a job. */
function jobOptions(layers: readonly OptionLayer[]): Readonly<Record<string, string>> {
  const merged: Record<string, string> = Object.assign({}, ...layers.toReversed().map(({ values }) => values))
  const [given] = layers
  const foreign = Object.keys(given?.values ?? {}).filter((key) => !belongsToJobs(key) && key !== 'artifact.bytesMax')
  if (foreign.length > 0) {
    throw new EngineError(
      'CFG1003',
      `${foreign.map((key) => `"${key}"`).join(', ')} cannot be set for a job of a cluster: it belongs to the processes of the cluster. Nothing was submitted. Set it where they are started, with -D or in their environment.`,
    )
  }
  return Object.fromEntries(Object.entries(merged).filter(([key]) => belongsToJobs(key)))
}

function belongsToJobs(key: string): boolean {
  return isOptionKey(key) && ['job', 'state'].includes(optionRow(key).scope)
}

interface Followed {
  readonly clients: readonly RemoteClient[]
  readonly client: RemoteClient
  readonly job: string
}

async function follow(asked: SubmitArguments, view: RunView, { clients, client, job }: Followed): Promise<number> {
  const leaving = new Leaving(asked, view, { client, job })
  try {
    const result = await followJob({
      clients: [client, ...clients.filter((other) => other !== client)],
      job,
      intervalMs: LOOK_INTERVAL_MS,
      statusIntervalMs: view.progressIntervalMs,
      clock: { monotonicMs: () => performance.now() },
      pause: (ms, signal) => sleep(ms, undefined, { signal }),
      signal: leaving.signal,
      listener: (event) => view.onEvent(event),
      onStatus: (status) => view.onProgress(status),
      note: (text) => view.note(text),
    })
    if (result === undefined) return EXIT.done
    view.onResult(result, `the storage of the cluster at ${client.url}`)
    return exitCodeOf(result)
  } catch (thrown) {
    view.onRefused(errorToData(asEngineError(thrown, 'INT1001', 'the job could not be followed any longer')))
    view.note(`job ${job} was not touched: it goes on in the cluster as far as that is there`)
    return EXIT.failed
  } finally {
    leaving.dispose()
  }
}

function exitCodeOf({ state, error }: JobResult): number {
  if (state === 'finished' || state === 'stopped') return EXIT.done
  if (state === 'canceled') return EXIT.interrupted
  return error !== undefined && isRefusal(error.code) ? EXIT.refused : EXIT.failed
}

/** What the user asked for by signals. */
class Leaving {
  readonly #asked: SubmitArguments
  readonly #view: RunView
  readonly #followed: Pick<Followed, 'client' | 'job'>
  readonly #abort = new AbortController()
  readonly #ear = new SignalEar(() => this.#hear())
  #wish: 'none' | 'stop' | 'leave' = 'none'

  constructor(asked: SubmitArguments, view: RunView, followed: Pick<Followed, 'client' | 'job'>) {
    this.#asked = asked
    this.#view = view
    this.#followed = followed
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  dispose(): void {
    this.#ear.dispose()
  }

  #hear(): void {
    if (this.#asked.attachment === 'own' && this.#wish === 'none') this.#stop()
    else this.#leave()
  }

  #stop(): void {
    const { client, job } = this.#followed
    this.#wish = 'stop'
    this.#view.note('stopping the job with a last checkpoint; once more leaves it')
    client.stop(job).catch((thrown: unknown) => this.#view.note(`the job could not be stopped: ${messageOf(thrown)}`))
  }

  #leave(): void {
    const { client, job } = this.#followed
    this.#wish = 'leave'
    const how = `sluice stop ${job} --jobmanager ${client.url}`
    this.#view.note(`job ${job} goes on in the cluster. Stop it with a last checkpoint: ${how}`)
    this.#abort.abort()
  }
}
