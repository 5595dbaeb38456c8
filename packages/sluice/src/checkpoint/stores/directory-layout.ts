/** Names of a checkpoint directory (docs/spec/checkpoint.md, "Directory"). */
import { type CheckpointId, type LeaderEpoch, checkpointId, leaderEpoch } from '../../base/ids.ts'

const DIGITS = 6
const DATA_NAME = /^chk-(\d{6,})$/
const MANIFEST_NAME = /^(\d{6,})\.manifest$/
const EPOCH_NAME = /^(\d{6,})$/
const FLOOR_NAME = /^(\d{6,})\.floor$/
const BLOCK_NAME = /^(\d{6,})$/

export interface DirectoryLayout {
  readonly root: string
  readonly checkpoints: string
  readonly manifests: string
  readonly epochs: string
  readonly blocks: string
  /** Directory of one checkpoint's files, relative to the root. */
  dataDirectory(checkpoint: CheckpointId): string
  manifest(checkpoint: CheckpointId): string
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
    blocks: `${root}/blocks`,
    dataDirectory: (checkpoint) => `checkpoints/chk-${padded(checkpoint)}`,
    manifest: (checkpoint) => `${manifests}/${manifestName(checkpoint)}`,
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

export function manifestName(checkpoint: CheckpointId): string {
  return `${padded(checkpoint)}.manifest`
}

export function epochName(epoch: LeaderEpoch): string {
  return padded(epoch)
}

export function epochOf(name: string): LeaderEpoch | undefined {
  const digits = EPOCH_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : leaderEpoch(Number(digits))
}

export function floorName(floor: number): string {
  return `${padded(floor)}.floor`
}

export function floorOf(name: string): number | undefined {
  const digits = FLOOR_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

export function blockName(block: number): string {
  return padded(block)
}

export function blockOf(name: string): number | undefined {
  const digits = BLOCK_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function padded(value: number): string {
  return String(value).padStart(DIGITS, '0')
}
