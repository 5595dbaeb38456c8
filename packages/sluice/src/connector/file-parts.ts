/** Names of the files of a file sink and what a checkpoint says about them. The protocol: docs/spec/file-sink.md. */
import { crc32 } from 'node:zlib'
import { joinPath } from './file-splits.ts'

/** A complete, synced, hidden file that becomes visible when its checkpoint is complete. Names are relative to the sink's directory. */
export interface FileCommittable {
  readonly from: string
  readonly to: string
  readonly sizeBytes: number
  /** A hidden file that nothing needs any more once `to` is there. Absent where there is none. */
  readonly replaces?: string
}

/** Per subtask: which run it belongs to and, when a file spans the checkpoint, how much of it is valid. */
export interface FileWriterState {
  readonly run: number
  readonly open?: OpenFileState
}

export interface OpenFileState {
  readonly file: string
  /** Absent: the sink's directory itself. */
  readonly bucket?: string
  readonly validBytes: number
  readonly replaces?: string
}

export const IN_PROGRESS = '.in-progress'
export const SUPERSEDED = '.superseded'

/** The directory of one sink, and all names in it. */
export class FileParts {
  readonly directory: string
  readonly #uid: string
  readonly #extension: string

  constructor(directory: string, uid: string, extension: string) {
    this.directory = directory
    this.#uid = fileNameOf(uid)
    this.#extension = extension
  }

  path(name: string): string {
    return joinPath(this.directory, name)
  }

  /** Folder of this sink's hidden files, relative to the directory. */
  get hiddenFolder(): string {
    return `${IN_PROGRESS}/${this.#uid}`
  }

  /** Holds the number of the run that writes here. */
  get runFile(): string {
    return `${this.hiddenFolder}/run`
  }

  hiddenName(incarnation: string, subtask: number, n: number): string {
    return `${this.hiddenFolder}/${fileNameOf(incarnation)}-s${padded(subtask, 3)}-${padded(n, 6)}${this.#extension}`
  }

  /** Of the incarnation that made the hidden file; 0 for a name that does not say. */
  epochOf(hiddenEntry: string): number {
    return Number(HIDDEN_PLACE.exec(hiddenEntry)?.[1] ?? 0)
  }

  /** In the folder `bucket` below the directory; '' is the directory itself. */
  finalName(bucket: string, at: PartPlace): string {
    return `${bucket === '' ? '' : `${bucket}/`}${this.#prefix}${padded(at.run, 3)}-c${padded(at.checkpoint, 6)}-s${padded(at.subtask, 3)}-${padded(at.n, 3)}${this.#extension}`
  }

  /** Run and checkpoint of a committed file of this sink; undefined for any other file. */
  placeOf(name: string): { readonly run: number; readonly checkpoint: number } | undefined {
    if (!name.startsWith(this.#prefix)) return undefined
    const match = PLACE.exec(name.slice(this.#prefix.length))
    return match === null ? undefined : { run: Number(match[1]), checkpoint: Number(match[2]) }
  }

  /** Folders that the names are in, those above them included, and the directory itself: deepest first. */
  foldersOf(names: readonly string[]): readonly string[] {
    const folders = new Set<string>()
    for (const name of names) {
      for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1))
        folders.add(name.slice(0, end))
    }
    const deepestFirst = [...folders].sort((a, b) => b.split('/').length - a.split('/').length)
    return [...deepestFirst.map((folder) => this.path(folder)), this.directory]
  }

  get #prefix(): string {
    return `part-${this.#uid}-r`
  }
}

export interface PartPlace {
  readonly run: number
  readonly checkpoint: number
  readonly subtask: number
  /** Counts the files of one subtask that belong to one checkpoint. */
  readonly n: number
}

/** Whether records may be kept in a folder of this name: below the directory, and visible. */
export function isBucketName(bucket: unknown): bucket is string {
  if (typeof bucket !== 'string') return false
  return (
    bucket === '' || bucket.split('/').every((name) => name !== '' && !name.startsWith('.') && !name.includes('\0'))
  )
}

const HIDDEN_PLACE = /^(\d+)-\d+-s\d{3,}-/
const PLACE = /^(\d{3,})-c(\d{6,})-s\d{3,}-\d{3,}(?:\.|$)/

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}

/** A uid as part of a file name; different uids stay different. */
function fileNameOf(uid: string): string {
  const plain = uid.replaceAll(/[^A-Za-z0-9_.-]/g, '_')
  return plain === uid ? uid : `${plain}.${crc32(uid).toString(16).padStart(8, '0')}`
}
