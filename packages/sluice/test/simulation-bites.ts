/** Engines that break a rule on purpose: each is a small wrapper around the real thing, for the tests that show that the simulator notices. */
import type { Disk, DiskFile } from '../src/base/env.ts'
import type { Committer, Sink, SinkContext, SinkWriter } from '../src/connector/sink.ts'
import type { Source, SourceReader, SourceSplit } from '../src/connector/source.ts'
import type { LogicalNode } from '../src/graph/logical-graph.ts'
import type { SimHooks } from '../src/testing/sim-process.ts'
import { commitRequests } from '../src/testing/commit-requests.ts'

export interface Bite {
  /** What is wrong, for the name of the test. */
  readonly what: string
  /** Rules that may notice it. */
  readonly rules: RegExp
  readonly scenario: string
  readonly hooks: SimHooks
}

export const BITES: readonly Bite[] = [
  {
    what: 'a sink that commits at the cut instead of after the publication',
    rules: /rule O2/,
    scenario: 'keyed-process',
    hooks: {
      wrapNode: sinks((sink) => ({
        ...sink,
        createWriter: (context, restored) => committingWriter(sink, context, sink.createWriter(context, restored)),
      })),
    },
  },
  {
    what: 'a committer that forgets one committable that it restored',
    rules: /rule O[15]/,
    scenario: 'keyed-process',
    hooks: {
      wrapNode: sinks((sink) => ({
        ...sink,
        createCommitter: (context) => forgetfulCommitter(sink.createCommitter?.(context), context),
      })),
    },
  },
  {
    what: 'a source that goes on one record too late after a restart',
    rules: /rule O1/,
    scenario: 'generated',
    hooks: {
      wrapNode: sources((source) => ({
        ...source,
        createReader: (context) => skippingReader(source.createReader(context)),
      })),
    },
  },
  {
    what: 'a source that goes on one record too early after a restart',
    rules: /rule O1/,
    scenario: 'generated',
    hooks: {
      wrapNode: sources((source) => ({
        ...source,
        createReader: (context) => repeatingReader(source.createReader(context)),
      })),
    },
  },
  {
    what: 'a checkpoint store that does not sync its files',
    rules: /rule O[1-9]/,
    scenario: 'keyed-process',
    hooks: { wrapStoreDisk: (disk) => withoutFileSync(disk, '/') },
  },
  {
    what: 'a checkpoint store that does not sync the names of its files',
    rules: /rule O[1-9]/,
    scenario: 'keyed-process',
    hooks: { wrapStoreDisk: (disk) => ({ ...disk, syncDirectory: async () => {} }) },
  },
  {
    what: 'a checkpoint store that syncs manifests but not the data they refer to',
    rules: /rule O7/,
    scenario: 'keyed-process',
    hooks: { wrapStoreDisk: (disk) => withoutFileSync(disk, '/checkpoints/') },
  },
  {
    what: 'barriers that are not aligned',
    rules: /rule O1/,
    scenario: 'keyed-process',
    hooks: { options: { 'checkpoint.mode': 'at-least-once', 'checkpoint.interval': '10ms' } },
  },
]

type AnySink = Sink<unknown>
type AnySource = Source<unknown>

export function sinks(wrap: (sink: AnySink) => AnySink): (node: LogicalNode) => LogicalNode {
  return (node) => (node.kind === 'sink' ? { ...node, sink: wrap(node.sink) } : node)
}

export function sources(wrap: (source: AnySource) => AnySource): (node: LogicalNode) => LogicalNode {
  return (node) => (node.kind === 'source' ? { ...node, source: wrap(node.source) } : node)
}

export function committingWriter(
  sink: AnySink,
  context: SinkContext,
  writer: SinkWriter<unknown, unknown, unknown>,
): SinkWriter<unknown, unknown, unknown> {
  const committer = sink.createCommitter?.(context)
  return {
    write: (value, timestamp) => writer.write(value, timestamp),
    isBlocked: () => writer.isBlocked(),
    endOfInput: () => writer.endOfInput?.(),
    close: () => writer.close(),
    snapshot: async (checkpoint) => {
      const cut = await writer.snapshot(checkpoint)
      await committer?.commit(commitRequests(cut.committables))
      return { committables: [], states: cut.states }
    },
  }
}

function forgetfulCommitter(
  committer: Committer<unknown> | undefined,
  { incarnation }: SinkContext,
): Committer<unknown> | undefined {
  let isFirst = incarnation !== '1-0'
  return {
    commit: async (requests) => {
      const kept = isFirst ? requests.slice(1) : requests
      isFirst = false
      await committer?.commit(kept)
    },
  }
}

function withSplits(
  reader: SourceReader<unknown, SourceSplit>,
  change: (split: SourceSplit) => SourceSplit,
): SourceReader<unknown, SourceSplit> {
  return {
    start: () => reader.start(),
    addSplits: (splits) => reader.addSplits(splits),
    noMoreSplits: () => reader.noMoreSplits(),
    poll: (output, recordsMax) => reader.poll(output, recordsMax),
    snapshot: (checkpoint) => reader.snapshot(checkpoint).map(change),
    position: () => reader.position(),
    close: () => reader.close(),
  }
}

export function skippingReader(reader: SourceReader<unknown, SourceSplit>): SourceReader<unknown, SourceSplit> {
  return withSplits(reader, (split) => moved(split, 1))
}

function repeatingReader(reader: SourceReader<unknown, SourceSplit>): SourceReader<unknown, SourceSplit> {
  return withSplits(reader, (split) => moved(split, -1))
}

function moved(split: SourceSplit, records: number): SourceSplit {
  if (!('next' in split && 'stride' in split) || typeof split.next !== 'number' || typeof split.stride !== 'number')
    return split
  return Object.assign({}, split, { next: Math.max(0, split.next + records * split.stride) })
}

export function withoutFileSync(disk: Disk, where: string): Disk {
  const unsynced = (file: DiskFile): DiskFile => ({
    path: file.path,
    write: (bytes) => file.write(bytes),
    sync: async () => (file.path.includes(where) ? undefined : file.sync()),
    close: () => file.close(),
  })
  return { ...disk, openWrite: async (path, mode) => unsynced(await disk.openWrite(path, mode)) }
}
