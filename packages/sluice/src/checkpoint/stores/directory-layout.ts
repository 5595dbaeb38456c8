/** Names of a checkpoint directory (docs/spec/checkpoint.md, "Directory"). */
import { type CheckpointId, type LeaderEpoch, checkpointId, leaderEpoch } from '../../base/ids.ts'

const DIGITS = 6
const DATA_NAME = /^chk-(\d{6,})$/
const MANIFEST_NAME = /^(\d{6,})\.manifest$/
const EPOCH_NAME = /^(\d{6,})$/
const TEMPORARY_NAME = /^\..*\.tmp$/

export interface DirectoryLayout {
  readonly root: string
  readonly checkpoints: string
  readonly manifests: string
  readonly epochs: string
  /** Directory of one checkpoint's files, relative to the root. */
  dataDirectory(checkpoint: CheckpointId): string
  manifest(checkpoint: CheckpointId): string
  temporaryManifest(checkpoint: CheckpointId, token: string): string
  epoch(epoch: LeaderEpoch): string
  /** A path relative to the root. */
  resolve(path: string): string
}

export function directoryLayout(root: string): DirectoryLayout {
  const manifests = `${root}/manifests`
  const epochs = `${root}/epochs`
  return Object.freeze({
    root,
    checkpoints: `${root}/checkpoints`,
    manifests,
    epochs,
    dataDirectory: (checkpoint) => `checkpoints/chk-${padded(checkpoint)}`,
    manifest: (checkpoint) => `${manifests}/${padded(checkpoint)}.manifest`,
    temporaryManifest: (checkpoint, token) => `${manifests}/.${padded(checkpoint)}.${token}.tmp`,
    epoch: (epoch) => `${epochs}/${padded(epoch)}`,
    resolve: (path) => `${root}/${path}`,
  } satisfies DirectoryLayout)
}

export function checkpointOfData(name: string): CheckpointId | undefined {
  const digits = DATA_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : checkpointId(Number(digits))
}

export function checkpointOfManifest(name: string): CheckpointId | undefined {
  const digits = MANIFEST_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : checkpointId(Number(digits))
}

export function epochOf(name: string): LeaderEpoch | undefined {
  const digits = EPOCH_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : leaderEpoch(Number(digits))
}

/** What a process that died while publishing left behind. */
export function isTemporary(name: string): boolean {
  return TEMPORARY_NAME.test(name)
}

function padded(value: number): string {
  return String(value).padStart(DIGITS, '0')
}
