/**
 * What the candidates for leadership say to each other, as files on the shared storage.
 *
 * Owns: `leader/epochs/<n>` (who claimed epoch n, created once) and `leader/renewals/<n>` (its newest renewal, replaced). Does not own: what
 * they mean (leadership-machine.ts).
 *
 * L5 A claim is durable before it counts; a renewal need not be: a standby that sees an older one only waits longer.
 * L6 A claim counts only when no higher one is there behind it: old claims are removed, and one that comes late must not take their place.
 */
import { DiskError } from '../base/disk-error.ts'
import { syncDirectoryPath } from '../base/durable-directory.ts'
import type { Disk, NetworkAddress, Random } from '../base/env.ts'
import { type LeaderEpoch, leaderEpoch } from '../base/ids.ts'
import { isRecord } from '../base/json.ts'
import { createWholeFile, isTemporaryName, randomToken, replaceWholeFile } from '../base/whole-file.ts'
import type { LeaderCandidate, LeaderInfo, Look } from './leadership-state.ts'

export interface LeaderFilesOptions {
  readonly disk: Disk
  /** The shared folder. */
  readonly root: string
  readonly random: Random
  readonly candidate: LeaderCandidate
}

/** Newest claims that are kept. */
const CLAIMS_KEPT = 64

export class LeaderFiles {
  readonly #options: LeaderFilesOptions
  readonly #epochs: string
  readonly #renewals: string
  #prepared: Promise<void> | undefined

  constructor(options: LeaderFilesOptions) {
    this.#options = options
    this.#epochs = `${options.root}/leader/epochs`
    this.#renewals = `${options.root}/leader/renewals`
  }

  async look(): Promise<Omit<Look, 'startedMs'>> {
    const epoch = await this.newestEpoch()
    if (epoch === 0) return { epoch, mark: '', state: 'held', leader: undefined }
    const mark = (await this.#readText(`${this.#renewals}/${nameOf(epoch)}`)) ?? ''
    const state = mark.includes(RELEASED) ? 'released' : 'held'
    return { epoch, mark, state, leader: state === 'released' ? undefined : await this.#leaderOf(epoch) }
  }

  /** L5, L6 */
  async claim(epoch: LeaderEpoch): Promise<'claimed' | 'taken'> {
    const { disk, candidate } = this.#options
    await this.#prepare()
    const { id, control, restUrl } = candidate
    const bytes = jsonBytes({ id, host: control.host, port: control.port, restUrl })
    const file = { directory: this.#epochs, name: nameOf(epoch), bytes }
    if ((await createWholeFile(disk, file, this.#token())) === 'exists') return 'taken'
    if ((await this.newestEpoch()) !== epoch) return 'taken'
    await this.#removeBefore(epoch - CLAIMS_KEPT)
    return 'claimed'
  }

  /** Resolves with the newest epoch there is behind the renewal. */
  async renew(epoch: LeaderEpoch, counter: number): Promise<LeaderEpoch> {
    await this.#replaceRenewal(epoch, { counter, holder: this.#options.candidate.id })
    return this.newestEpoch()
  }

  release(epoch: LeaderEpoch): Promise<void> {
    return this.#replaceRenewal(epoch, { state: 'released', holder: this.#options.candidate.id })
  }

  async newestEpoch(): Promise<LeaderEpoch> {
    await this.#prepare()
    return leaderEpoch(Math.max(0, ...(await this.#listEpochs())))
  }

  async #listEpochs(): Promise<readonly number[]> {
    const entries = await this.#options.disk.list(this.#epochs)
    return entries.flatMap(({ name }) => (EPOCH_NAME.test(name) ? [Number(name)] : []))
  }

  async #replaceRenewal(epoch: LeaderEpoch, content: Readonly<Record<string, string | number>>): Promise<void> {
    const file = { directory: this.#renewals, name: nameOf(epoch), bytes: jsonBytes(content) }
    await replaceWholeFile(this.#options.disk, file, { token: this.#token(), durability: 'visible' })
  }

  async #leaderOf(epoch: LeaderEpoch): Promise<LeaderInfo | undefined> {
    const text = await this.#readText(`${this.#epochs}/${nameOf(epoch)}`)
    return text === undefined ? undefined : parseClaim(text, epoch)
  }

  async #readText(path: string): Promise<string | undefined> {
    try {
      return new TextDecoder().decode(await this.#options.disk.read(path))
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'not-found') return undefined
      throw error
    }
  }

  async #prepare(): Promise<void> {
    this.#prepared ??= this.#makeDirectories().catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async #makeDirectories(): Promise<void> {
    const { disk, root } = this.#options
    for (const directory of [this.#epochs, this.#renewals]) await disk.makeDirectory(directory)
    for (const directory of [`${root}/leader`, root]) await disk.syncDirectory(directory)
    await syncDirectoryPath(disk, root)
  }

  /** What stays is removed by the next leader. */
  async #removeBefore(epoch: number): Promise<void> {
    const { disk } = this.#options
    try {
      for (const old of await this.#listEpochs()) {
        if (old >= epoch) continue
        await disk.remove(`${this.#renewals}/${nameOf(old)}`)
        await disk.remove(`${this.#epochs}/${nameOf(old)}`)
      }
      for (const { name } of await disk.list(this.#renewals))
        if (isTemporaryName(name)) await disk.remove(`${this.#renewals}/${name}`)
    } catch {
      // nothing depends on it
    }
  }

  #token(): string {
    return randomToken(this.#options.random)
  }
}

const EPOCH_NAME = /^\d{6,}$/
const RELEASED = '"state":"released"'

function nameOf(epoch: number): string {
  return String(epoch).padStart(6, '0')
}

function jsonBytes(value: Readonly<Record<string, string | number>>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`)
}

/** Undefined for what is damaged: the epoch counts all the same. */
function parseClaim(text: string, epoch: LeaderEpoch): LeaderInfo | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // shown as a leader that is not known
  }
  if (!isRecord(value)) return undefined
  const { id, host, port, restUrl } = value
  if (typeof id !== 'string' || typeof host !== 'string' || typeof port !== 'number') return undefined
  if (typeof restUrl !== 'string') return undefined
  const control: NetworkAddress = { host, port }
  return { epoch, id, control, restUrl }
}
